/* Clocks that go on counting between two answers of the server, and times told in words. */
"use strict";

(() => {
  const SOON = 30 * 60;
  const WORDS = { overdue: "Overdue", soon: "Due now" };
  const ICONS = { overdue: "octagon", soon: "alarm" };
  const pad = (number) => String(number).padStart(2, "0");

  function spoken(seconds, precise) {
    if (seconds < 60) return `${seconds}s`;
    const minutes = Math.floor(seconds / 60);
    if (precise) return `${minutes}m ${pad(seconds % 60)}s`;
    if (minutes < 60) return `${minutes}m`;
    const hours = Math.floor(minutes / 60);
    return hours < 100 ? `${hours}h ${pad(minutes % 60)}m` : `${hours}h`;
  }

  function setState(clock, state) {
    clock.dataset.state = state;
    const pill = clock.querySelector("[data-pill]");
    pill.className = `p-pill p-pill-${state}`;
    pill.querySelector("[data-word]").textContent = WORDS[state];
    pill.querySelector("use").setAttribute("href", `#i-${ICONS[state]}`);
    clock.querySelector(".p-clock-fill")?.setAttribute("class", `p-clock-fill p-clock-fill-${state}`);
    const row = clock.closest("[data-row]");
    if (row) row.className = row.className.replace(/p-edge-\w+/, `p-edge-${state}`);
  }

  function show(clock) {
    const state = clock.dataset.state;
    if (!/^(overdue|soon|today|track)$/.test(state)) return Infinity;
    clock.since ??= Date.now();
    const until = clock.dataset.until ? Date.parse(clock.dataset.until) : Infinity;
    const ran = Math.max(0, Math.floor((Math.min(Date.now(), Math.max(until, clock.since)) - clock.since) / 1000));
    const left = Number(clock.dataset.left) - ran;
    const total = Number(clock.dataset.total);
    if (left < 0 && state !== "overdue") setState(clock, "overdue");
    else if (left >= 0 && left < SOON && (state === "today" || state === "track")) setState(clock, "soon");
    const text = clock.querySelector("[data-countdown]");
    if (text) text.textContent = (left < 0 ? "+" : "") + spoken(Math.abs(left), Math.abs(left) < 300 && Math.abs(left) >= 60);
    if (total > 0) clock.querySelector(".p-clock-fill")?.setAttribute("width", Math.max(0, Math.min(100, Math.round((100 * (total - left)) / total))));
    return Math.abs(left);
  }

  function ago(seconds) {
    const length = Math.abs(seconds);
    if (length < 60) return seconds >= 0 ? "just now" : "in a moment";
    for (const [size, unit] of [[31536000, "y"], [2592000, "mo"], [86400, "d"], [3600, "h"], [60, "min"]]) {
      if (length >= size) {
        const text = `${Math.floor(length / size)} ${unit}`;
        return seconds > 0 ? `${text} ago` : `in ${text}`;
      }
    }
    return "just now";
  }

  function countUndo() {
    let running = false;
    for (const strip of document.querySelectorAll("[data-until]:not([data-clock])")) {
      const left = Math.ceil((Date.parse(strip.dataset.until) - Date.now()) / 1000);
      const form = strip.querySelector("form");
      if (left > 0) {
        running = true;
        for (const element of strip.querySelectorAll("[data-seconds]")) element.textContent = left;
      } else if (form) {
        if (form.contains(document.activeElement)) strip.focus();
        form.remove();
      }
    }
    return running;
  }

  let timer = 0;
  function tick() {
    clearTimeout(timer);
    let nearest = Infinity;
    for (const clock of document.querySelectorAll("[data-clock]")) nearest = Math.min(nearest, show(clock));
    for (const time of document.querySelectorAll("time[data-when]")) time.textContent = ago((Date.now() - Date.parse(time.dateTime)) / 1000);
    const undo = countUndo();
    timer = setTimeout(tick, undo || nearest < 300 ? 1000 : 15000);
  }
  tick();
  document.addEventListener("htmx:afterSettle", tick);
  document.addEventListener("visibilitychange", () => document.hidden || tick());
})();
