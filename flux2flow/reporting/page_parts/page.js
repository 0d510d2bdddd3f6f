"use strict";
(() => {
  const form = document.querySelector(".filters");
  const cells = [...document.querySelectorAll(".cell")];
  const dialogs = [...document.querySelectorAll("dialog.detail")];
  const cellOf = new Map(cells.map(cell => [cell.querySelector("a").hash.slice(1), cell]));
  const shown = dialog => !cellOf.get(dialog.id)?.classList.contains("faint");

  // Filters: pictures keep their place on the sheet; lines, columns and sheets without any picture go away.
  function filter() {
    const wanted = [...form.querySelectorAll("select")].filter(select => select.value);
    for (const cell of cells) cell.classList.toggle("faint", wanted.some(select => cell.dataset[select.name] !== select.value));
    for (const sheet of document.querySelectorAll(".sheet")) {
      const inside = [...sheet.querySelectorAll(".cell")].filter(cell => !cell.classList.contains("faint"));
      const formats = new Set(inside.map(cell => cell.dataset.format));
      const grid = sheet.querySelector(".grid");
      grid.dataset.columns ??= grid.style.gridTemplateColumns;
      const tracks = grid.dataset.columns.match(/[\d.]+rem|minmax\([^)]*\)/g);
      const heads = [...grid.querySelectorAll(".head")];
      grid.style.gridTemplateColumns = tracks.filter((_, i) => i === 0 || formats.has(heads[i - 1].dataset.format)).join(" ");
      heads.forEach(head => head.classList.toggle("away", !formats.has(head.dataset.format)));
      for (const line of grid.querySelectorAll(".line:not(.heads)")) {
        const places = [...line.children].slice(1);
        places.forEach((place, i) => place.classList.toggle("away", !formats.has(heads[i].dataset.format)));
        line.classList.toggle("away", !places.some(place => place.matches(".cell:not(.faint)")));
      }
      sheet.classList.toggle("away", inside.length === 0);
    }
    const count = cells.filter(cell => !cell.classList.contains("faint")).length;
    form.querySelector("output").textContent = wanted.length ? `${count} of ${cells.length} shown` : "";
    form.querySelector("button").style.visibility = wanted.length ? "visible" : "hidden";
  }
  form.addEventListener("change", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", event => event.preventDefault());
  form.hidden = !form.querySelector("select");
  filter();

  // Details: the address names the open picture, so that it can be sent to a colleague.
  function follow() {
    const wanted = document.getElementById(location.hash.slice(1));
    for (const dialog of dialogs) if (dialog !== wanted && dialog.open) dialog.close();
    if (wanted?.matches("dialog.detail") && !wanted.open) wanted.showModal();
  }
  const go = id => { history.replaceState(null, "", id ? `#${id}` : location.pathname + location.search); follow(); };
  function step(dialog, by) {
    const open = dialogs.filter(other => other === dialog || shown(other));
    go(open[(open.indexOf(dialog) + by + open.length) % open.length].id);
  }
  document.addEventListener("click", event => {
    const link = event.target.closest("a");
    if (link?.matches(".close")) { event.preventDefault(); go(""); }
    else if (link?.matches(".step")) { event.preventDefault(); step(link.closest("dialog"), Number(link.dataset.step)); }
    else if (link?.closest(".cell")) { event.preventDefault(); go(link.hash.slice(1)); }
    else if (event.target.matches("dialog.detail")) go("");
  });
  for (const dialog of dialogs) {
    dialog.addEventListener("cancel", event => { event.preventDefault(); go(""); });
    dialog.addEventListener("keydown", event => {
      if (event.key === "ArrowRight") step(dialog, 1);
      else if (event.key === "ArrowLeft") step(dialog, -1);
    });
    for (const type of ["pointerover", "pointerout"]) dialog.addEventListener(type, event => {
      const pointed = event.target.closest("[data-mark]")?.dataset.mark;
      for (const mark of dialog.querySelectorAll(".mark")) mark.classList.toggle("pointed", type === "pointerover" && mark.dataset.mark === pointed);
    });
  }
  addEventListener("hashchange", follow);
  follow();
})();
