const body = document.querySelector("#cohort tbody");
document.querySelectorAll("#cohort th").forEach((title, k) => title.addEventListener("click", () => {
  const up = title.getAttribute("aria-sort") !== "ascending";
  document.querySelectorAll("#cohort th").forEach((other) => other.removeAttribute("aria-sort"));
  title.setAttribute("aria-sort", up ? "ascending" : "descending");
  const text = (row) => row.children[k].textContent, order = new Intl.Collator(undefined, { numeric: true });
  [...body.rows].sort((a, b) => (up ? 1 : -1) * order.compare(text(a), text(b))).forEach((row) => body.append(row));
}));
