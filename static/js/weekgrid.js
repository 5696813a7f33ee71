/* A week of opening hours to paint, above the fields that hold it as text. A stroke opens or closes a range of days and half hours;
   what it does not touch keeps its minutes. Hours over midnight are joined with the next day's morning. */
"use strict";

(() => {
  const fields = [...document.querySelectorAll("[data-week-day]")];
  if (fields.length !== 7) return;
  const DAY = 1440;
  const STEP = 30;
  const SLOTS = DAY / STEP;
  const NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
  const pad = (number) => String(number).padStart(2, "0");
  const told = (minutes) => `${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
  const tag = (name, attributes = {}, words = "") => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = words;
    return made;
  };

  /* Reads what the server reads; null for what it would refuse. */
  function read(text) {
    const bare = text.trim().toLowerCase();
    if (["", "closed", "-", "–"].includes(bare)) return [];
    const spans = [];
    for (const part of bare.split(/[,;]|\band\b/)) {
      const found = /^\s*(\d{1,2})(?:[:.](\d{2}))?\s*(?:-|–|to)\s*(\d{1,2})(?:[:.](\d{2}))?\s*$/.exec(part);
      if (!found) return null;
      const opens = Number(found[1]) * 60 + Number(found[2] ?? 0);
      const closes = Number(found[3]) * 60 + Number(found[4] ?? 0);
      if (opens >= DAY || closes > DAY) return null;
      spans.push([opens, closes <= opens ? closes + DAY : closes]);
    }
    return spans.sort((a, b) => a[0] - b[0]);
  }
  const written = (spans) => spans.map(([opens, closes]) => `${told(opens)}-${told(closes > DAY ? closes - DAY : closes)}`).join(", ");

  let week = fields.map((field) => read(field.value) ?? []);
  const past = [];
  const before = (day) => (day + 6) % 7;
  const after = (day) => (day + 1) % 7;
  /* How much of the half hour from `start` is open, with what last night left. */
  const openIn = (day, start) => {
    const spans = [...week[day], ...week[before(day)].map(([opens, closes]) => [opens - DAY, closes - DAY])];
    return spans.reduce((sum, [opens, closes]) => sum + Math.max(0, Math.min(closes, start + STEP) - Math.max(opens, start)), 0);
  };

  function open(day, from, to) {
    const tail = Math.max(0, ...week[before(day)].map(([, closes]) => closes - DAY));
    if (tail >= to) return;
    const spans = [...week[day], [Math.max(from, tail), to]].sort((a, b) => a[0] - b[0]);
    week[day] = spans.reduce((joined, [opens, closes]) => {
      const last = joined.at(-1);
      if (last && opens <= last[1]) last[1] = Math.max(last[1], closes);
      else joined.push([opens, closes]);
      return joined;
    }, []);
  }
  function close(day, from, to) {
    const without = (spans, low, high) =>
      spans.flatMap(([opens, closes]) =>
        closes <= low || opens >= high ? [[opens, closes]] : [[opens, Math.min(closes, low)], [Math.max(opens, high), closes]].filter(([a, b]) => a < b));
    week[day] = without(week[day], from, to);
    const yesterday = before(day);
    const left = without(week[yesterday], from + DAY, to + DAY);
    /* What is left of the night beyond the closed stretch opens on this day. */
    week[yesterday] = left.filter(([opens]) => opens < DAY);
    week[day] = [...week[day], ...left.filter(([opens]) => opens >= DAY).map(([opens, closes]) => [opens - DAY, closes - DAY])].sort((a, b) => a[0] - b[0]);
  }
  /* An evening that ends at midnight and the morning that begins there are one shift of the evening's day, if it is shorter than a day. */
  function joinNights(days) {
    for (const day of new Set(days.flatMap((one) => [before(one), one]))) {
      const evening = week[day].at(-1);
      const morning = week[after(day)][0];
      if (evening?.[1] !== DAY || morning?.[0] !== 0 || morning[1] >= DAY || morning[1] > evening[0]) continue;
      evening[1] += morning[1];
      week[after(day)].shift();
    }
  }

  const grid = tag("div", { class: "p-week-grid", role: "grid", "aria-label": "Opening hours of a week", "aria-multiselectable": "true" });
  const corner = tag("div", { class: "p-week-hours", role: "row", "aria-hidden": "true" });
  corner.append(tag("span"));
  for (let slot = 0; slot < SLOTS; slot += 1) corner.append(tag("span", {}, slot % 4 ? "" : pad(slot / 2)));
  grid.append(corner);
  const cells = NAMES.map((name, day) => {
    const row = tag("div", { class: "p-week-day", role: "row" });
    row.append(tag("span", { role: "rowheader", "aria-label": name }, name.slice(0, 3)));
    const made = [];
    for (let slot = 0; slot < SLOTS; slot += 1) {
      const cell = tag("span", { role: "gridcell", tabindex: "-1" });
      Object.assign(cell.dataset, { day, slot });
      row.append(cell);
      made.push(cell);
    }
    grid.append(row);
    return made;
  });
  const bar = tag("div", { class: "p-week-bar" });
  const say = tag("span", { class: "p-sub p-grow", role: "status" });
  const button = (words, act) => {
    const made = tag("button", { type: "button", class: "p-button p-small" }, words);
    made.addEventListener("click", act);
    return made;
  };
  const hint = tag("p", { class: "p-sub p-week-hint" }, "Drag over the hours to open or close them, across several days at once. By keyboard: arrows, Shift with arrows for a range, Space. What ends at midnight and goes on in the morning becomes one night shift. Finer times can be typed below.");

  let at = { day: 0, slot: 18 };
  let anchor = at;
  let painting = null;
  const span = (a, b) => ({ days: [Math.min(a.day, b.day), Math.max(a.day, b.day)], slots: [Math.min(a.slot, b.slot), Math.max(a.slot, b.slot)] });
  const inside = ({ days, slots }, day, slot) => day >= days[0] && day <= days[1] && slot >= slots[0] && slot <= slots[1];

  function draw() {
    const chosen = span(anchor, at);
    const shows = painting || anchor !== at;
    cells.forEach((row, day) => row.forEach((cell, slot) => {
      const minutes = openIn(day, slot * STEP);
      const isChosen = !!shows && inside(chosen, day, slot);
      const word = minutes >= STEP ? "open" : minutes ? "partly open" : "closed";
      const state = `${word}${isChosen ? " chosen" : ""}`;
      if (cell.dataset.state !== state) {
        cell.dataset.state = state;
        cell.className = `${minutes >= STEP ? "is-open" : minutes ? "is-part" : ""}${isChosen ? ` is-chosen${painting ? (painting.opens ? " will-open" : " will-close") : ""}` : ""}`;
        cell.setAttribute("aria-label", `${NAMES[day]} ${told(slot * STEP)}, ${word}`);
        cell.setAttribute("aria-selected", String(isChosen || (!shows && day === at.day && slot === at.slot)));
      }
      cell.tabIndex = day === at.day && slot === at.slot ? 0 : -1;
    }));
    undo.disabled = !past.length;
  }
  function speak() {
    const { days, slots } = span(anchor, at);
    const when = days[0] === days[1] ? NAMES[days[0]] : `${NAMES[days[0]]} to ${NAMES[days[1]]}`;
    say.textContent = `${when}, ${told(slots[0] * STEP)} to ${told((slots[1] + 1) * STEP)}`;
  }
  function put(next) {
    week = next;
    fields.forEach((field, day) => {
      const text = written(week[day]);
      if (written(read(field.value) ?? [[0, 1]]) === text) return;
      field.value = text;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    });
  }
  const copy = () => week.map((spans) => spans.map((one) => [...one]));
  function stroke(opens, { days, slots }) {
    past.push(copy());
    const touched = [];
    for (let day = days[0]; day <= days[1]; day += 1) {
      (opens ? open : close)(day, slots[0] * STEP, (slots[1] + 1) * STEP);
      touched.push(day);
    }
    joinNights(touched);
    put(week);
    speak();
    say.textContent += opens ? ": open" : ": closed";
  }
  function all(spansOf) {
    past.push(copy());
    put(NAMES.map((_, day) => spansOf(day)));
    draw();
  }
  const undo = button("Undo", () => {
    if (!past.length) return;
    put(past.pop());
    say.textContent = "Taken back";
    draw();
  });
  bar.append(
    button("Mon–Fri 9–17", () => all((day) => (day < 5 ? [[540, 1020]] : []))),
    button("Round the clock", () => all(() => [[0, DAY]])),
    button("Clear", () => all(() => [])),
    undo, say,
  );

  const cellAt = (event) => {
    const found = document.elementFromPoint(event.clientX, event.clientY)?.closest?.("[data-slot]");
    return found && grid.contains(found) ? { day: Number(found.dataset.day), slot: Number(found.dataset.slot) } : null;
  };
  grid.addEventListener("pointerdown", (event) => {
    const start = cellAt(event);
    if (!start || event.button) return;
    event.preventDefault();
    grid.setPointerCapture(event.pointerId);
    anchor = event.shiftKey ? anchor : start;
    at = start;
    painting = { opens: openIn(anchor.day, anchor.slot * STEP) < STEP };
    cells[at.day][at.slot].focus({ preventScroll: true });
    speak();
    draw();
  });
  grid.addEventListener("pointermove", (event) => {
    const now = painting && cellAt(event);
    if (!now || (now.day === at.day && now.slot === at.slot)) return;
    at = now;
    speak();
    draw();
  });
  const settle = (paints) => {
    if (!painting) return;
    const { opens } = painting;
    painting = null;
    if (paints) stroke(opens, span(anchor, at));
    anchor = at;
    draw();
  };
  grid.addEventListener("pointerup", () => settle(true));
  grid.addEventListener("pointercancel", () => settle(false));

  grid.addEventListener("keydown", (event) => {
    if (event.altKey) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      event.preventDefault();
      undo.click();
      return;
    }
    /* On a narrow page days stand side by side and hours run down. */
    const turned = getComputedStyle(grid).gridAutoFlow.startsWith("column");
    const [along, across] = turned ? ["day", "slot"] : ["slot", "day"];
    const steps = { ArrowRight: [along, 1], ArrowLeft: [along, -1], ArrowDown: [across, 1], ArrowUp: [across, -1] };
    const most = { day: 6, slot: SLOTS - 1 };
    if (event.key in steps) {
      const [name, by] = steps[event.key];
      at = { ...at, [name]: Math.min(most[name], Math.max(0, at[name] + by)) };
    } else if (event.key === "Home") at = { ...at, slot: 0 };
    else if (event.key === "End") at = { ...at, slot: SLOTS - 1 };
    else if (event.key === "Escape" && anchor !== at) anchor = at;
    else if (event.key === " " || event.key === "Enter") {
      stroke(openIn(anchor.day, anchor.slot * STEP) < STEP, span(anchor, at));
      anchor = at;
    } else return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.shiftKey || !(event.key in steps)) anchor = event.key === "Escape" ? anchor : at;
    if (event.shiftKey && event.key in steps) speak();
    draw();
    cells[at.day][at.slot].focus();
  });
  grid.addEventListener("focusin", ({ target }) => {
    const here = { day: Number(target.dataset.day), slot: Number(target.dataset.slot) };
    if (here.day === at.day && here.slot === at.slot) return;
    at = anchor = here;
    draw();
  });
  for (const field of fields) {
    field.addEventListener("input", () => {
      const spans = read(field.value);
      if (spans === null) return;
      week[Number(field.dataset.weekDay)] = spans;
      draw();
    });
  }

  const home = fields[0].closest("fieldset") ?? fields[0].parentElement;
  const box = tag("div", { class: "p-week" });
  box.append(hint, bar, grid);
  home.insertBefore(box, fields[0].closest(".form-row") ?? home.firstChild);
  home.classList.add("has-week-grid");
  draw();
})();
