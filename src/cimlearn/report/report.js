// Filter and sort the tables of parameters; without this script they are plain tables.
(() => {
  const tables = [...document.querySelectorAll("table.entries")];
  const form = document.getElementById("filter");
  if (!tables.length || !form) return;
  const rows = tables.flatMap((table) => [...table.tBodies[0].rows]);
  const input = form.querySelector("input");
  const buttons = [...form.querySelectorAll("button")];
  const output = form.querySelector("output");

  const show = () => {
    const wanted = input.value.trim().toLowerCase().split(/\s+/);
    const pressed = buttons.filter((b) => b.getAttribute("aria-pressed") === "true").map((b) => b.dataset.filter);
    let seen = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const marks = [...row.querySelectorAll(".badge")].map((b) => b.textContent);
      row.hidden = !(wanted.every((w) => text.includes(w)) && (!pressed.length || pressed.some((p) => marks.includes(p))));
      seen += row.hidden ? 0 : 1;
    }
    output.textContent = seen === rows.length ? "" : `${seen} of ${rows.length}`;
  };
  input.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") === "true" ? "false" : "true");
      show();
    });
  }

  const key = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent;
  const compare = (a, b) => {
    const [x, y] = [Number(a), Number(b)];
    const numbers = [a !== "" && !Number.isNaN(x), b !== "" && !Number.isNaN(y)];
    if (numbers[0] && numbers[1]) return x - y;
    return numbers[0] !== numbers[1] ? (numbers[0] ? -1 : 1) : a.localeCompare(b);
  };
  const sortable = (table) => {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((cell, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = cell.textContent;
      cell.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = cell.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", down ? "descending" : "ascending");
        const sorted = [...body.rows].sort((a, b) => (down ? -1 : 1) * compare(key(a, column), key(b, column)));
        body.append(...sorted);
      });
    });
  };
  tables.forEach(sortable);
  form.hidden = false;
})();
