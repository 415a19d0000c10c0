// The page of many runs: choice of axes, points that lead to rows, designs or runs. Without it the page is complete.
(() => {
  const [LEFT, RIGHT, TOP, BOTTOM] = [44, 362, 26, 260]; // chart.py
  const across = (share) => (LEFT + share * (RIGHT - LEFT)).toFixed(1);
  const up = (share) => (BOTTOM - share * (BOTTOM - TOP)).toFixed(1);
  const make = (tag, attributes, text = "") => {
    const made = document.createElementNS(document.querySelector("svg").namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.textContent = text;
    return made;
  };

  // The row that the address names: shown, whatever was filtered, and focused.
  const reveal = () => {
    const row = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!row?.matches("tr")) return;
    const section = row.closest("section");
    const form = section.querySelector("form.filter");
    if (row.hidden) {
      form.querySelector("input[type=search]").value = "";
      form.dispatchEvent(new Event("change"));
    }
    const table = row.closest("[data-view]");
    const radio = form?.querySelector(`input[type=radio][value="${table?.dataset.view}"]`);
    if (table?.hidden && radio) radio.click();
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "center" });
  };

  for (const section of document.querySelectorAll("section.benchmark")) {
    const form = section.querySelector("form.filter");
    const views = [...section.querySelectorAll("[data-view]")];
    const choose = () => {
      const wanted = form.querySelector("input[type=radio]:checked")?.value;
      for (const view of views) view.hidden = wanted !== undefined && view.dataset.view !== wanted;
    };
    for (const radio of section.querySelectorAll("input[type=radio]")) radio.addEventListener("change", choose);
    choose();
  }

  // What a pointer or the focus is on stands out in both figures.
  const lift = (event) => {
    const design = event.target.closest?.("[data-design]")?.dataset.design;
    for (const one of document.querySelectorAll("svg [data-design]")) {
      one.classList.toggle("dim", design !== undefined && one.dataset.design !== design);
    }
  };
  for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, lift);

  for (const form of document.querySelectorAll("form.axes")) {
    const figure = form.closest("figure");
    const svg = figure.querySelector("svg.pareto");
    const points = [...svg.querySelectorAll("a.point")];
    const [x, y] = form.querySelectorAll("select");
    const told = form.querySelector("output");
    const at = (point, key) => point.getAttribute(`data-${key.toLowerCase()}`)?.split(" ").map(Number);
    const order = () => points.filter((p) => p.getAttribute("display") !== "none")
      .sort((a, b) => at(a, x.value)[0] - at(b, x.value)[0]);

    const draw = () => {
      const [ox, oy] = [x.selectedOptions[0], y.selectedOptions[0]];
      svg.querySelector(".x-name").textContent = ox.dataset.name;
      svg.querySelector(".y-name").textContent = oy.dataset.name;
      svg.querySelector(".x-ticks").replaceChildren(...JSON.parse(ox.dataset.ticks).flatMap(([share, text]) => [
        make("path", { class: "grid", d: `M${across(share)} ${BOTTOM}v4` }),
        make("text", { x: across(share), y: BOTTOM + 17, "text-anchor": "middle" }, text),
      ]));
      svg.querySelector(".y-ticks").replaceChildren(...JSON.parse(oy.dataset.ticks).flatMap(([share, text]) => [
        make("path", { class: "grid", d: `M${LEFT} ${up(share)}H${RIGHT}` }),
        make("text", { x: LEFT - 7, y: up(share), dy: "0.34em", "text-anchor": "end" }, text),
      ]));
      const signs = [ox.dataset.larger === "1" ? 1 : -1, oy.dataset.larger === "1" ? 1 : -1];
      const spots = new Map();
      for (const point of points) {
        const [h, v] = [at(point, x.value), at(point, y.value)];
        if (!h || !v) {
          point.setAttribute("display", "none");
          continue;
        }
        point.removeAttribute("display");
        spots.set(point, [h[0], v[0]]);
        point.querySelector(".bars").setAttribute("d",
          `M${across(h[1])} ${up(v[0])}H${across(h[2])}M${across(h[0])} ${up(v[1])}V${up(v[2])}`);
        point.querySelector("g").setAttribute("transform", `translate(${across(h[0])} ${up(v[0])})`);
      }
      const better = (a, b) => signs.every((s, k) => s * a[k] >= s * b[k]) && signs.some((s, k) => s * a[k] > s * b[k]);
      const best = [...spots.values()].filter((mine) => ![...spots.values()].some((other) => better(other, mine)));
      for (const point of points) point.classList.toggle("best", best.includes(spots.get(point)));
      best.sort((a, b) => signs[0] * (b[0] - a[0]) || signs[1] * (a[1] - b[1]));
      svg.querySelector(".front").setAttribute("d", best.map((spot, k) => k === 0
        ? `M${across(spot[0])} ${up(spot[1])}`
        : spot.join() === best[k - 1].join() ? "" : `H${across(spot[0])}V${up(spot[1])}`).join(""));
      const lacking = points.length - spots.size;
      told.textContent = lacking ? `${spots.size} of ${points.length} designs; the others have no such value` : "";
      order().forEach((point, k) => point.setAttribute("tabindex", k ? "-1" : "0"));
    };
    for (const select of [x, y]) select.addEventListener("change", draw);
    form.addEventListener("submit", (event) => event.preventDefault());

    // One stop of the Tab key for all points; arrows go from point to point, from left to right.
    svg.addEventListener("keydown", (event) => {
      const shown = order();
      const now = shown.indexOf(document.activeElement);
      const last = shown.length - 1;
      const next = { ArrowRight: now + 1, ArrowUp: now + 1, ArrowLeft: now - 1, ArrowDown: now - 1, Home: 0, End: last }[event.key];
      if (next === undefined || now < 0) return;
      event.preventDefault();
      for (const point of shown) point.setAttribute("tabindex", "-1");
      const target = shown[Math.min(Math.max(next, 0), last)];
      target.setAttribute("tabindex", "0");
      target.focus();
    });
    form.hidden = false;
    draw();
  }

  addEventListener("hashchange", reveal);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    if (link?.getAttribute("href") === location.hash) reveal(); // the address stays, the row may have been hidden
  });
  reveal();
})();
