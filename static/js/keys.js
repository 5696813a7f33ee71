/* Single keys: help, search, g and a letter, and the rows of a list. Off while typing and where the person said so. */
"use strict";

(() => {
  const isOff = () => document.body.dataset.keys === "off";
  const isTyping = (element) => element.closest?.("input:not([type=checkbox], [type=radio], [type=range], [type=button], [type=submit]), textarea, select, [contenteditable]");
  const visible = (element) => element.getClientRects().length > 0;
  let waitsForPlace = 0;

  const rowsOf = () => [...document.querySelectorAll("[data-list] [data-row]")].filter(visible);
  const currentRow = () => {
    const open = document.querySelector(".p-menu:popover-open");
    return open?.opener?.closest("[data-row]") ?? document.activeElement?.closest("[data-row]");
  };

  function move(step) {
    const rows = rowsOf();
    if (!rows.length) return false;
    const at = rows.indexOf(currentRow());
    const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step))];
    next.focus({ preventScroll: true, focusVisible: true });
    next.scrollIntoView({ block: "nearest" });
    return true;
  }

  function press(key) {
    const row = currentRow() ?? (document.activeElement === document.body ? rowsOf()[0] : null);
    for (const root of [row, document.querySelector("[data-keys-page]"), document].filter(Boolean)) {
      const found = [...root.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)];
      const until = (element) => element.closest("[data-until]:not([data-clock])")?.dataset.until ?? "";
      const target = found.sort((one, other) => until(other).localeCompare(until(one))).find((element) => visible(element) && !element.disabled && (root !== document || !element.closest("[data-row]")));
      if (!target) continue;
      if (target.matches("input, textarea, select")) target.focus();
      else target.click();
      return true;
    }
    return false;
  }

  /* Enter in the note of a menu sends the reason that waits for words; without one it sends nothing, least of all the first. */
  const choose = (form, button) => {
    form.querySelector("[data-chosen-reason]")?.remove();
    if (button) { // a field of its own: which button was the last is forgotten as soon as the note has the focus
      const field = Object.assign(document.createElement("input"), { type: "hidden", name: button.name, value: button.value });
      field.dataset.chosenReason = "";
      form.append(field);
    }
    for (const one of form.querySelectorAll("[data-digit]")) one.toggleAttribute("data-chosen", one === button);
    for (const one of form.querySelectorAll("[data-needs-words]")) one.setAttribute("aria-pressed", String(one === button));
    const send = form.querySelector("[data-menu-send]");
    if (send) send.hidden = !button;
  };
  document.addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    if (!submitter?.matches("[data-digit]")) return;
    form.querySelector("[data-chosen-reason]")?.remove();
    const note = submitter.matches("[data-needs-words]") && form.querySelector("[name=note]");
    if (!note || note.value.trim()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    choose(form, submitter);
    note.focus();
  }, true);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-menu-send] button")) return;
    event.target.closest("button").form.requestSubmit();
  });
  document.addEventListener("reset", (event) => event.target.querySelector("[data-menu-send]") && choose(event.target, null));

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing && event.target.matches(".p-menu [name=note]") && event.target.form.querySelector("[data-digit]")) {
      event.preventDefault();
      const { form } = event.target;
      const chosen = form.querySelector("[data-chosen]");
      if (chosen) form.requestSubmit();
      else form.querySelector("[data-digit]").focus();
      return;
    }
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (isTyping(event.target)) {
      if (event.key === "Escape" && event.target.matches("[type=search]")) event.target.blur();
      return;
    }
    if (isOff() || document.querySelector("dialog[open]")) return;
    const { key } = event;
    const menu = document.querySelector(".p-menu:popover-open");

    if (menu) {
      if (/^[1-9]$/.test(key)) {
        const choice = [...menu.querySelectorAll("[data-digit]")].filter(visible)[Number(key) - 1];
        if (choice) {
          event.preventDefault();
          choice.click();
        }
      } else {
        const target = [...menu.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].find(visible);
        if (target) {
          event.preventDefault();
          if (target.matches("input, textarea")) target.focus();
          else target.click();
        }
      }
      return;
    }

    if (Date.now() < waitsForPlace) {
      waitsForPlace = 0;
      const link = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
      if (link) {
        event.preventDefault();
        location.assign(link.href);
      }
      return;
    }

    let done = true;
    if (key === "g") waitsForPlace = Date.now() + 1500;
    else if (key === "?") document.getElementById("shortcuts")?.showModal();
    else if (key === "/") [...document.querySelectorAll("[data-search-top], main [data-search]")].find(visible)?.focus();
    else if (key === "j" || key === "k") done = move(key === "j" ? 1 : -1) || press(key); // without rows, a link to the next page
    else if (key === "Enter" && event.target.matches("[data-row]")) event.target.querySelector("[data-open]")?.click();
    else if (key === "x" && currentRow()?.querySelector("[data-bulk]")) currentRow().querySelector("[data-bulk]").click();
    else if (/^[a-z0-9]$/i.test(key)) done = press(key);
    else done = false;
    if (done) event.preventDefault();
  });
})();
