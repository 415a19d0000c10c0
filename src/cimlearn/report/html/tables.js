// Sorting by the heads of `table.sortable`, and forms that filter rows. Without this script they are plain tables.
(() => {
  const key = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent;
  const number = (text) => (text === "" ? NaN : Number(text));
  const compare = (a, b, sign) => {
    if (a === "" || b === "") return (a === "") - (b === ""); // what is missing stays last
    const [x, y] = [number(a), number(b)];
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
    return sign * (Number.isNaN(x) ? a.localeCompare(b) : x === y ? 0 : x < y ? -1 : 1);
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((cell, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...cell.childNodes);
      cell.replaceChildren(button);
      button.addEventListener("click", () => {
        const now = cell.getAttribute("aria-sort") ?? (cell.dataset.first === "descending" ? "ascending" : "descending");
        for (const other of heads) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", now === "ascending" ? "descending" : "ascending");
        const sign = now === "ascending" ? -1 : 1;
        body.append(...[...body.rows].sort((a, b) => compare(key(a, column), key(b, column), sign)));
      });
    });
  }

  for (const form of document.querySelectorAll("form.filter")) {
    const tables = [...document.querySelectorAll(form.dataset.tables)];
    const input = form.querySelector("input[type=search]");
    const buttons = [...form.querySelectorAll("button[data-filter]")];
    const output = form.querySelector("output");
    const show = () => {
      const wanted = input.value.trim().toLowerCase().split(/\s+/);
      const pressed = buttons.filter((b) => b.getAttribute("aria-pressed") === "true").map((b) => b.dataset.filter);
      let [seen, all] = [0, 0];
      for (const table of tables) {
        const away = table.closest("[hidden]") !== null;
        for (const row of table.tBodies[0].rows) {
          const text = row.textContent.toLowerCase();
          const marks = [...row.querySelectorAll(".badge")].map((b) => b.textContent);
          row.hidden = !(wanted.every((w) => text.includes(w)) && (!pressed.length || pressed.some((p) => marks.includes(p))));
          all += away ? 0 : 1;
          seen += away || row.hidden ? 0 : 1;
        }
      }
      output.textContent = seen === all ? "" : `${seen} of ${all}`;
    };
    input.addEventListener("input", show);
    form.addEventListener("change", show);
    form.addEventListener("reset", () => setTimeout(show));
    form.addEventListener("submit", (event) => event.preventDefault());
    for (const button of buttons) {
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") === "true" ? "false" : "true");
        show();
      });
    }
    form.hidden = false;
  }
})();
