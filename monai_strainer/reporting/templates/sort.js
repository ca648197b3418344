const table = document.getElementById("cohort"), titles = [...table.querySelectorAll("th")];
titles.forEach((title, k) => title.addEventListener("click", () => {
  const up = title.getAttribute("aria-sort") !== "ascending";
  titles.forEach((other) => other.removeAttribute("aria-sort"));
  title.setAttribute("aria-sort", up ? "ascending" : "descending");
  const text = (scan) => scan.rows[0].children[k].textContent, order = new Intl.Collator(undefined, { numeric: true });
  [...table.tBodies].sort((a, b) => (up ? 1 : -1) * order.compare(text(a), text(b))).forEach((scan) => table.append(scan));
}));
