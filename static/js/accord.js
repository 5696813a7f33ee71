/* The frame's behaviour: htmx rules, toasts, menus, dialogs, theme, forms, lists. Pages work without it. */
"use strict";

(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const iconOf = (name, size = 16) =>
    `<svg class="p-icon" width="${size}" height="${size}" aria-hidden="true"><use href="#i-${name}"/></svg>`;
  const csrfCookie = `${document.documentElement.dataset.csrfCookie}=`;
  const csrfToken = () =>
    document.cookie.split("; ").find((pair) => pair.startsWith(csrfCookie))?.slice(csrfCookie.length) ?? $("[name=csrfmiddlewaretoken]")?.value ?? "";

  /* Toasts: they go after a while, those about a failure stay; Undo posts where the server said. */
  function toast({ text, kind = "info", undo = "", seconds = undo ? 15 : 6 }) {
    const box = document.createElement("div");
    box.className = `p-toast p-${kind}`;
    box.setAttribute("role", kind === "bad" ? "alert" : "status");
    const words = document.createElement("span");
    words.textContent = text;
    box.append(words);
    if (undo) {
      const button = document.createElement("button");
      button.textContent = "Undo";
      button.addEventListener("click", () => {
        box.remove();
        window.htmx?.ajax("POST", undo, { swap: "none" });
      });
      box.append(button);
    }
    const close = document.createElement("button");
    close.className = "p-toast-x";
    close.setAttribute("aria-label", "Close");
    close.innerHTML = iconOf("x", 14);
    close.addEventListener("click", () => box.remove());
    box.append(close);
    $("#toasts")?.append(box);
    if (kind !== "bad") setTimeout(() => box.remove(), seconds * 1000);
  }
  document.addEventListener("toast", (event) => toast(event.detail));

  /* A count in the navigation that an answer of the server has changed. */
  document.addEventListener("badge", ({ detail: { key, count } }) => {
    for (const badge of $$(`[data-badge="${key}"]`)) {
      const most = Number(badge.dataset.most ?? 999);
      const shown = count > most ? `${most}+` : String(count);
      badge.firstChild.data = shown;
      badge.hidden = !count;
      // A link named by its label alone says there how many.
      const link = badge.dataset.words && badge.closest("[aria-label]");
      if (link) link.setAttribute("aria-label", link.getAttribute("aria-label").split(",")[0] + (count ? `, ${shown} ${badge.dataset.words}` : ""));
    }
  });

  /* htmx: token, hidden tabs, failures, focus. */
  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-CSRFToken"] = csrfToken();
    // What is not set stays out of the address.
    if (event.detail.elt.matches("[data-filters]")) {
      for (const [name, value] of [...event.detail.formData.entries()]) if (value === "") event.detail.formData.delete(name);
    }
  });
  let missedPolls = new Set();
  document.addEventListener("htmx:beforeRequest", (event) => {
    const element = event.detail.elt;
    const isPoll = /(^|,)\s*every /.test(element.getAttribute("hx-trigger") ?? "") && !event.detail.requestConfig.triggeringEvent;
    if (isPoll && document.hidden) {
      missedPolls.add(element);
      event.preventDefault();
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    const late = [...missedPolls].filter((element) => element.isConnected);
    missedPolls = new Set();
    for (const element of late) {
      const url = element.getAttribute("hx-get");
      if (url) window.htmx.ajax("GET", url, { source: element, target: element.getAttribute("hx-target") ?? element, swap: element.getAttribute("hx-swap") ?? "innerHTML" });
    }
  });
  document.addEventListener("htmx:responseError", (event) => {
    const { status, responseText } = event.detail.xhr;
    const said = (event.detail.xhr.getResponseHeader("Content-Type") ?? "").startsWith("text/plain") ? responseText.slice(0, 200) : "";
    const words = {
      403: "You may not do this.",
      404: "This is no longer there. Reload the page.",
      429: "Too many requests. Wait a moment and try again.",
    };
    toast({ text: said || words[status] || "The server could not do this. Nothing was changed; try again.", kind: "bad" });
  });
  let lastSync = new Date();
  // People read times in the zone they chose, not in their device's.
  const clockTime = (at) => at.toLocaleTimeString("en-GB", { timeZone: document.documentElement.dataset.zone || undefined });
  const offline = (is) => {
    let banner = $("#offline");
    if (is && !banner) {
      banner = document.createElement("div");
      banner.id = "offline";
      banner.className = "p-banner p-warn";
      banner.setAttribute("role", "alert");
      banner.innerHTML = `${iconOf("warn")}<div></div>`;
      $("div", banner).textContent = `No connection. Not synced since ${clockTime(lastSync)}.`;
      $("#content-start")?.prepend(banner);
    } else if (!is) banner?.remove();
  };
  document.addEventListener("htmx:sendError", () => offline(true));
  window.addEventListener("offline", () => offline(true));
  window.addEventListener("online", () => offline(false));
  /* An answer that draws the page anew takes the refresh along that is still on its way: what that brings has no place any more. */
  document.addEventListener("htmx:beforeCleanupElement", ({ target }) => {
    if (target.matches?.("[data-pulse]")) window.htmx.trigger(target, "htmx:abort");
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    busy(workerOf(event.detail), false);
    if (!event.detail.successful) return;
    lastSync = new Date();
    offline(false);
    if (event.detail.elt.matches(".p-bell")) return; // it says nothing of what the page shows
    for (const element of $$("[data-updated]")) element.textContent = `Updated ${clockTime(lastSync)}`;
  });

  let focusBefore = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const target = event.detail.target;
    const menu = event.detail.requestConfig?.elt?.closest(".p-menu:popover-open");
    if (menu && event.detail.shouldSwap) {
      menu.hidePopover();
      if (menu.opener?.isConnected) menu.opener.focus({ preventScroll: true });
    }
    const active = document.activeElement;
    if (!active || !target?.contains(active) || active === document.body) return (focusBefore = null);
    const row = active.closest("[data-row]");
    const rows = row ? $$("[data-row]", row.closest("[data-list]") ?? document) : [];
    focusBefore = { id: active.id, place: row ? rows.indexOf(row) : -1, start: active.selectionStart, name: active.name };
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (!focusBefore) return;
    const before = focusBefore;
    focusBefore = null;
    if (document.activeElement && document.activeElement !== document.body) return;
    const invalid = $("[aria-invalid=true]", event.detail.elt);
    const same = before.id ? document.getElementById(before.id) : null;
    const rows = $$("[data-list] [data-row]");
    const next = invalid ?? $("[autofocus]", event.detail.elt) ?? same ?? (before.place >= 0 ? rows[Math.min(before.place, rows.length - 1)] : null);
    next?.focus({ preventScroll: false });
    if (next === same && before.start != null && next.setSelectionRange && /text|search|url|tel/.test(next.type)) next.setSelectionRange(before.start, before.start);
  });
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const target = event.detail.target;
    if (target.matches("[data-live]")) return; // a page with a rule of its own
    if (target.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) {
      event.detail.shouldSwap = false;
      target.classList.add("is-stale");
    }
  });

  /* Buttons keep their width and say that they work after 300 ms. */
  const timers = new WeakMap();
  function busy(element, is) {
    const button = element?.matches?.("form") ? element.querySelector("[type=submit], button:not([type=button])") : element;
    if (!button?.matches?.("button")) return;
    if (is) {
      timers.set(button, setTimeout(() => {
        button.style.minWidth = `${button.offsetWidth}px`;
        button.dataset.words = button.innerHTML;
        button.classList.add("is-busy");
        button.textContent = button.dataset.busy || "Saving…";
      }, 300));
      return;
    }
    clearTimeout(timers.get(button));
    if (button.classList.contains("is-busy")) {
      button.innerHTML = button.dataset.words;
      button.classList.remove("is-busy");
      button.style.minWidth = "";
    }
  }
  /* The button that was pressed, of the several a form may have. */
  function workerOf({ elt, requestConfig }) {
    const by = requestConfig?.triggeringEvent?.submitter;
    return by?.matches?.("button") ? by : elt;
  }
  document.addEventListener("htmx:beforeSend", (event) => {
    if (event.detail.requestConfig.verb !== "get") busy(workerOf(event.detail), true);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.confirm && !form.dataset.confirmed) {
      event.preventDefault();
      event.stopImmediatePropagation();
      confirmBefore(form, event.submitter);
      return;
    }
    if (form.method === "post" && !form.hasAttribute("hx-post")) busy(event.submitter, true);
  }, true);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) for (const button of $$("button.is-busy")) busy(button, false);
  });

  /* A question before a form goes. */
  function confirmBefore(form, submitter) {
    const dialog = document.createElement("dialog");
    dialog.className = "p-dialog p-narrow";
    dialog.innerHTML = `<h2></h2><p class="p-muted"></p><div class="p-dialog-foot"><button class="p-button" type="button">Cancel</button><button class="p-button p-primary" type="button"></button></div>`;
    $("h2", dialog).textContent = form.dataset.confirm;
    const chosen = $$("[data-confirm-tell]", form).map((one) => {
      if (one.type === "radio") return one.checked && one.closest("label").textContent.trim();
      return one.value ? new Date(one.value).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" }) : one.dataset.confirmTell;
    }).filter(Boolean);
    if (chosen.length) $("p", dialog).textContent = `${chosen.join("; ")}.`;
    else $("p", dialog).remove();
    const [no, yes] = $$("button", dialog);
    yes.textContent = submitter?.textContent.trim() || "Go on";
    no.addEventListener("click", () => dialog.close());
    yes.addEventListener("click", () => {
      dialog.close();
      if (!form.isConnected) {
        toast({ text: "The page changed while you were asked. Look at it again before you go on.", kind: "bad" });
        return;
      }
      form.dataset.confirmed = "1";
      form.requestSubmit(submitter);
      delete form.dataset.confirmed;
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      submitter?.focus();
    });
    document.body.append(dialog);
    dialog.showModal();
  }

  /* Menus stand by their button and flip where there is no room. */
  function place(menu) {
    const opener = menu.opener?.isConnected ? menu.opener : $(`[popovertarget="${menu.id}"]`);
    if (!opener) return;
    menu.style.top = menu.style.left = "";
    if (getComputedStyle(menu).bottom === "0px") return; // on a phone a sheet at its foot
    const at = opener.getBoundingClientRect();
    const { offsetWidth: wide, offsetHeight: tall } = menu;
    const below = innerHeight - at.bottom - 12;
    const top = below >= tall || below > at.top ? Math.min(at.bottom + 6, innerHeight - tall - 8) : Math.max(8, at.top - tall - 6);
    const left = at.left + wide > innerWidth - 8 ? Math.max(8, at.right - wide) : at.left;
    menu.style.top = `${Math.max(8, top)}px`;
    menu.style.left = `${Math.min(left, innerWidth - wide - 8)}px`;
  }
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[popovertarget]");
    const menu = opener && document.getElementById(opener.getAttribute("popovertarget"));
    if (menu) menu.opener = opener;
  }, true);
  /* A menu that the rows of a list share: the link of a row (a page of its own without script) says whom its form is about. */
  const sharedMenu = (opener) => opener && document.getElementById(opener.dataset.menu);
  document.addEventListener("pointerdown", (event) => {
    const opener = event.target.closest("[data-menu]");
    // By the time of the click the browser has closed the menu: a second click on its opener shall not open it again.
    if (opener) opener.closes = sharedMenu(opener)?.matches(":popover-open") && sharedMenu(opener).opener === opener;
  }, true);
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-menu]");
    const menu = sharedMenu(opener);
    if (!menu?.showPopover || !window.htmx || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (menu.matches(":popover-open")) menu.hidePopover();
    const closes = opener.closes;
    opener.closes = false;
    if (closes) return;
    const row = opener.closest("[data-row]");
    const form = $("form", menu);
    form.reset();
    form.setAttribute("action", opener.dataset.action);
    form.setAttribute("hx-post", opener.dataset.action);
    form.setAttribute("hx-target", `#${row.id}`);
    window.htmx.process(form);
    menu.words ??= menu.getAttribute("aria-label");
    menu.setAttribute("aria-label", `${menu.words}: ${row.getAttribute("aria-label")}`);
    $("[data-menu-whom]", menu).textContent = row.getAttribute("aria-label");
    menu.opener = opener;
    menu.showPopover();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== " " || !event.target.matches("a[role=button]")) return;
    event.preventDefault();
    event.target.click();
  });
  document.addEventListener("toggle", (event) => {
    const menu = event.target;
    if (!(menu instanceof HTMLElement) || !menu.matches(".p-menu[popover]")) return;
    if (menu.opener?.dataset.menu) menu.opener.setAttribute("aria-expanded", String(event.newState === "open"));
    if (event.newState === "open") {
      place(menu);
      const first = $("[autofocus], a, button:not([disabled]), input:not([type=hidden])", menu);
      if (!menu.contains(document.activeElement)) first?.focus({ preventScroll: true });
    } else if (menu.opener?.isConnected && (document.activeElement === document.body || menu.contains(document.activeElement))) menu.opener.focus({ preventScroll: true });
  }, true);
  const openMenu = () => $(".p-menu:popover-open");
  window.addEventListener("resize", () => openMenu() && place(openMenu()));
  document.addEventListener("scroll", (event) => {
    const menu = openMenu();
    if (menu && !menu.contains(event.target)) place(menu);
  }, true);
  document.addEventListener("keydown", (event) => {
    const menu = openMenu();
    if (!menu || event.target.matches("input, textarea, select")) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const items = $$("a, button:not([disabled])", menu).filter((item) => item.offsetParent);
    const at = items.indexOf(document.activeElement);
    items[(at + step + items.length) % items.length]?.focus();
    event.preventDefault();
  });

  /* Small things that buttons do. */
  document.addEventListener("click", (event) => {
    const by = event.target.closest("[data-dialog], [data-close], [data-copy], [data-unfold], tr[data-href]");
    if (!by) return;
    if (by.dataset.dialog) {
      by.closest("[popover]")?.hidePopover();
      document.getElementById(by.dataset.dialog)?.showModal();
    } else if ("close" in by.dataset) by.closest(".p-banner")?.remove();
    else if ("copy" in by.dataset) {
      navigator.clipboard?.writeText(by.dataset.copy).then(() => toast({ text: "Copied.", kind: "good", seconds: 2 }));
    } else if ("unfold" in by.dataset) {
      const table = by.closest("table");
      $(".p-lines-more", table).hidden = false;
      by.closest("tbody").remove();
    } else if (by.dataset.href && !event.target.closest("a, button, input, select, label, summary, [popover]") && !getSelection().toString()) {
      if (event.metaKey || event.ctrlKey) window.open(by.dataset.href, "_blank");
      else location.assign(by.dataset.href);
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.matches("dialog")) event.target.close();
  });

  /* Theme: seen at once, kept by the server. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const chosen = event.submitter?.value;
    if (!form.matches("[data-theme-form]") || !chosen) return;
    event.preventDefault();
    document.documentElement.dataset.theme = chosen;
    for (const button of $$("[name=theme]", form)) button.setAttribute("aria-pressed", String(button.value === chosen));
    form.hidePopover?.();
    const body = new FormData(form);
    body.set("theme", chosen);
    fetch(form.action, { method: "POST", body, headers: { "X-CSRFToken": csrfToken(), "HX-Request": "true" } }).then((answer) => {
      if (!answer.ok) toast({ text: "The theme could not be kept.", kind: "bad" });
    }, () => toast({ text: "The theme could not be kept.", kind: "bad" }));
  });

  /* Setup's own filter in the sidebar. */
  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-nav-filter]")) return;
    const words = event.target.value.trim().toLowerCase();
    let shown = 0;
    for (const group of $$("[data-nav-group]")) {
      const wholeGroup = $(".p-side-title", group).textContent.toLowerCase().includes(words);
      let inGroup = 0;
      for (const item of $$("li", group)) {
        const fits = wholeGroup || item.textContent.toLowerCase().includes(words);
        item.hidden = !fits;
        inGroup += fits;
      }
      group.hidden = !inGroup;
      shown += inGroup;
    }
    $("[data-nav-none]").hidden = shown > 0;
  });

  /* Selection of many rows. */
  function countSelected() {
    const bar = $("[data-bulk-bar]");
    if (!bar) return;
    const all = $$("[data-bulk]");
    const on = all.filter((box) => box.checked).length;
    bar.hidden = on === 0;
    for (const count of $$("[data-bulk-count]")) count.textContent = on;
    const head = $("[data-bulk-all]");
    if (head) {
      head.checked = on > 0 && on === all.length;
      head.indeterminate = on > 0 && on < all.length;
    }
  }
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-bulk-all]")) for (const box of $$("[data-bulk]")) box.checked = event.target.checked;
    if (event.target.matches("[data-bulk], [data-bulk-all]")) countSelected();
  });
  document.addEventListener("htmx:afterSettle", countSelected);
  window.addEventListener("pageshow", countSelected);

  /* Steppers. */
  function stepBy(input, by) {
    const low = input.min === "" ? -Infinity : Number(input.min);
    const high = input.max === "" ? Infinity : Number(input.max);
    input.value = Math.min(high, Math.max(low, Number(input.value || 0) + by));
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-stepper] [data-step]");
    if (button) stepBy($("input", button.closest("[data-stepper]")), Number(button.dataset.step) * (event.shiftKey ? 5 : 1));
  });
  document.addEventListener("keydown", (event) => {
    if (!event.target.matches("[data-stepper] input") || event.altKey || !/^Arrow(Up|Down)$/.test(event.key)) return;
    event.preventDefault();
    stepBy(event.target, (event.key === "ArrowUp" ? 1 : -1) * (event.shiftKey ? 5 : 1));
  });
  document.addEventListener("htmx:validation:failed", (event) => event.target.reportValidity?.());

  /* A file dropped where it is wanted. */
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      const zone = event.target.closest?.("[data-drop]");
      if (!zone) return;
      event.preventDefault();
      zone.classList.toggle("is-over", kind === "dragover");
      const input = $("input[type=file]", zone);
      if (kind === "drop" && event.dataTransfer.files.length && input) {
        input.files = event.dataTransfer.files;
        input.dispatchEvent(new Event("change", { bubbles: true }));
      }
    });
  }

  /* The score threshold: line and number follow the control at once, the figures when the server has them. */
  document.addEventListener("input", ({ target }) => {
    const box = target.matches("[data-threshold-range], [data-threshold-number]") && target.closest("[data-threshold]");
    if (!box) return;
    const range = $("[data-threshold-range]", box);
    const number = $("[data-threshold-number]", box);
    if (target === range) number.value = range.value;
    else if (number.value !== "") {
      range.value = number.value;
      range.dispatchEvent(new Event("input"));
    }
    const line = $("[data-threshold-line]", box);
    const at = (line.ownerSVGElement.viewBox.baseVal.width * (range.value - range.min)) / (range.max - range.min || 1);
    line.setAttribute("x1", at);
    line.setAttribute("x2", at);
    $("[data-threshold-below]", box).setAttribute("width", at);
  });

  /* Setup: names for what the stock widgets leave without one. */
  function nameWidgets() {
    for (const select of $$("select.admin-autocomplete")) {
      const words = select.labels?.[0]?.textContent.trim() || select.closest("td")?.className.replace("field-", "").replace(/_/g, " ") || select.name;
      for (const box of $$("[role=combobox], [role=textbox]", select.nextElementSibling ?? select)) {
        box.removeAttribute("aria-labelledby");
        box.setAttribute("aria-label", `${words}: ${box.textContent.trim() || "nothing chosen"}`);
      }
    }
    for (const head of $$("th.original")) head.innerHTML ||= '<span class="p-sr">Row</span>';
  }
  window.addEventListener("load", nameWidgets);
  document.addEventListener("formset:added", nameWidgets);
  document.addEventListener("change", (event) => event.target.matches("select.admin-autocomplete") && nameWidgets());

  /* Messages of success leave by themselves; the others wait to be closed. */
  for (const banner of $$("[data-fleeting]")) setTimeout(() => banner.remove(), 8000);
})();
