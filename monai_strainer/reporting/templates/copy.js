byId("copy").addEventListener("click", async (event) => {
  const text = byId("methods").innerText;
  try { await navigator.clipboard.writeText(text); event.target.textContent = "Copied"; }
  catch { getSelection().selectAllChildren(byId("methods")); event.target.textContent = "Selected: copy it now"; }
});
