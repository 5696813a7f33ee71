/* The workshop: asks what changed, moves rows by pointer and keys, opens the talk, follows who leads. Works on top of accord.js. */
"use strict";

(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const say = (words) => {
    const told = $("#told");
    if (told && !told.matches(".p-banner")) told.textContent = words;
  };
  const rowOf = (element) => element?.closest?.("tr[data-of]");
  let lastRow = "";
  let calm = 0;
  let drawnRev = $("#poller")?.dataset.rev;

  /* Ask every 1.2 to 1.8 s, each browser at its own pace; not while hidden, at once on return. */
  const ask = () => {
    const poller = $("#poller[hx-get]");
    if (poller && !document.hidden) window.htmx?.trigger(poller, "poll");
  };
  const later = () => setTimeout(() => { ask(); later(); }, 1200 + Math.random() * 600);
  if ($("#poller")) later();
  document.addEventListener("visibilitychange", ask);
  document.addEventListener("look", (event) => {
    // An edit made here was seen here: the form that sent it, where it stays, goes on from the revision it made.
    const sent = event.target.closest?.("form")?.elements.rev;
    if (sent && event.detail?.rev) sent.value = event.detail.rev;
    if ($("[data-reload-on-look]")) location.reload();
    else setTimeout(ask, 30);
  });

  /* An editor that is left says so, so that the others no longer see it open. */
  addEventListener("pagehide", () => {
    const editing = $("[data-editing]");
    const token = $("#part [name=csrfmiddlewaretoken]")?.value;
    if (!editing || !token) return;
    const closed = new FormData();
    closed.append("csrfmiddlewaretoken", token);
    navigator.sendBeacon(editing.getAttribute("hx-get").split("?")[0], closed);
  });

  document.addEventListener("htmx:configRequest", (event) => {
    const { elt, parameters } = event.detail;
    if (elt.id === "poller") {
      parameters.open = $("#talk:not([hidden]) [data-open-key]")?.dataset.openKey ?? $("main > * [data-open-key]")?.dataset.openKey ?? "";
      if ($("#presence")?.dataset.leads) parameters.row = lastRow;
    } else if (elt.id === "effect") {
      parameters.rev = $("#poller")?.dataset.rev;
      for (const select of $$("#effect-ask select")) parameters[select.name] = select.value;
    } else if (elt.closest("#presence")) parameters.row = lastRow;
  });

  /* What somebody types in is never overwritten: the part is marked, and drawn anew once it is left alone. */
  const isChanged = (field) =>
    field.matches("[type=hidden], [type=submit], button") ? false
      : field.matches("[type=checkbox], [type=radio]") ? field.checked !== field.defaultChecked
      : field.matches("select") ? [...field.options].some((option) => option.selected !== option.defaultSelected && option.defaultSelected)
      : field.value !== field.defaultValue;
  const isInUse = (part) =>
    (part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) ||
    $$("input, textarea, select", part).some(isChanged) || !!$(":popover-open", part) || !!$(".is-dragged", part) || !!$(".p-conflict", part);
  /* Of a row in use the other cells are drawn anew; answers whether the number in use is another by now. */
  function mend(row, fresh) {
    const focused = document.activeElement?.id;
    const cells = [...row.cells];
    for (const [place, cell] of [...fresh.cells].entries()) {
      if (!cells[place] || isInUse(cells[place]) || cells[place].matches(".p-figures-cell")) continue;
      const copy = cell.cloneNode(true);
      cells[place].replaceWith(copy);
      window.htmx.process(copy);
    }
    if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus({ preventScroll: true });
    const shown = $("[data-points] [name=points]", row);
    const isOther = !!shown && shown.defaultValue !== $("[data-points] [name=points]", fresh)?.defaultValue;
    if (!isOther) row.dataset.stamp = fresh.dataset.stamp;
    return isOther;
  }
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    if (!target.matches("[data-live]")) return;
    const fresh = fragment.firstElementChild ?? fragment;
    if (target.dataset.stamp && fresh.dataset?.stamp === target.dataset.stamp) event.detail.shouldSwap = false;
    else if (isInUse(target)) {
      event.detail.shouldSwap = false;
      if (rowOf(target) === target && !mend(target, fresh)) return;
      target.classList.add("is-stale");
      const who = fresh.dataset?.by;
      target.dataset.stale = who ? `Changed by ${who}` : "Changed meanwhile";
      if (rowOf(target)) say(`${target.getAttribute("aria-label")}: ${target.dataset.stale}`);
    }
  });
  const freshen = () => {
    for (const part of $$(".is-stale[data-live]")) {
      if (isInUse(part)) continue;
      part.classList.remove("is-stale");
      delete part.dataset.stale;
      const url = part.dataset.again;
      if (url) window.htmx.ajax("GET", url, { target: part, swap: "outerHTML" });
      else window.htmx.ajax("GET", location.pathname, { target: part, swap: "outerHTML", select: `#${part.id}` });
    }
  };
  document.addEventListener("focusout", () => setTimeout(freshen, 700));

  /* A threshold that is tried stays as the figures are drawn anew; where the draft hands over from another one by now, its form goes
     on from the revision it was tried on, so that a save says so. */
  let tried = null;
  document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
    if (target?.id !== "effect") return;
    const number = $("[data-threshold-number]", target);
    const isTried = number && number.value !== number.defaultValue;
    tried = isTried ? { value: number.value, was: number.defaultValue, rev: number.form.elements.rev.value, focused: number === document.activeElement } : null;
  });
  document.addEventListener("htmx:afterSettle", ({ detail: { target } }) => {
    if (target?.id !== "effect" || !tried) return; // settled: what listens to the new control is there
    const { value, was, rev, focused } = tried;
    tried = null;
    const number = $("[data-threshold-number]", target);
    if (!number || number.value === value) return;
    if (number.defaultValue !== was) {
      number.form.elements.rev.value = rev;
      say(`Hand over from ${number.defaultValue} by now`);
    }
    number.value = value;
    if (focused) number.focus({ preventScroll: true });
    number.dispatchEvent(new Event("input", { bubbles: true }));
  });

  /* A number typed on while an earlier one is saved stays: the next save is on its way. */
  document.addEventListener("htmx:beforeSwap", (event) => {
    const form = event.detail.requestConfig?.elt;
    if (!form?.matches?.("[data-points]") || event.detail.xhr.status !== 200) return;
    const sent = new URLSearchParams(event.detail.requestConfig.parameters).get?.("points") ?? event.detail.requestConfig.parameters.points;
    if (form.points && form.isConnected && form.points.value !== String(sent)) {
      form.points.defaultValue = sent;
      event.detail.shouldSwap = false;
    }
  });
  document.addEventListener("htmx:afterSettle", () => {
    const rev = $("#poller")?.dataset.rev;
    if (rev && rev !== drawnRev) {
      drawnRev = rev;
      window.htmx.trigger(document.body, "effect-changed");
      clearTimeout(calm);
      calm = setTimeout(() => {
        $("#signing")?.classList.add("is-stale");
        freshen();
      }, 3000 + Math.random() * 2000);
    }
    for (const figures of $$("template[data-figures-of]")) {
      const cell = document.getElementById(`figures-${figures.dataset.figuresOf}`);
      if (cell && cell.innerHTML !== figures.innerHTML) cell.innerHTML = figures.innerHTML;
    }
    freshen();
    follow();
  });

  /* The list of criteria drawn anew leaves the page where it was: browsers follow the old rows as the new come in above them. */
  let stays = null;
  const keep = ({ detail: { target } }) => (target?.id === "criteria" ? (stays = scrollY) : null);
  const stay = () => {
    if (stays !== null) scrollTo({ top: stays, behavior: "instant" });
  };
  document.addEventListener("htmx:beforeSwap", keep);
  document.addEventListener("htmx:oobBeforeSwap", keep);
  document.addEventListener("htmx:afterSwap", stay);
  document.addEventListener("htmx:oobAfterSwap", stay);
  document.addEventListener("htmx:afterSettle", () => {
    stay();
    stays = null;
  });

  /* Whoever leads shows the others the row. */
  function follow() {
    const key = $("#presence")?.dataset.at ?? "";
    for (const row of $$("tr.is-led")) if (row.dataset.of !== key) row.classList.remove("is-led");
    const row = key && document.getElementById(`criterion-${key}`);
    const following = $("#following");
    if (following) following.hidden = !row;
    if (!row || row.classList.contains("is-led")) return;
    row.classList.add("is-led");
    const words = `${$("#presence").dataset.leader} is at ${row.getAttribute("aria-label")}`;
    if (following) Object.assign($("a", following), { textContent: words, href: `#${row.id}` });
    say(words);
    if (!document.activeElement?.matches("input, textarea, select")) row.scrollIntoView({ block: "nearest" });
  }
  follow();
  document.addEventListener("focusin", (event) => {
    const key = rowOf(event.target)?.dataset.of ?? event.target.closest("#talk [data-open-key]")?.dataset.openKey;
    if (!key || key === lastRow) return;
    lastRow = key;
    if ($("#presence")?.dataset.leads) ask();
  });
  document.addEventListener("click", (event) => {
    const row = rowOf(event.target);
    if (row && !event.target.closest("a, button, input, select, label, form, [popover]")) row.focus({ preventScroll: true });
  });

  /* Order: Alt and the arrows anywhere in a row, or the grip by pointer, on touch as well. */
  const send = (row, values, again) => {
    const grip = $("[data-grip]", row);
    if (!grip) return Promise.resolve();
    const name = row.getAttribute("aria-label");
    const key = row.dataset.of;
    return window.htmx.ajax("POST", grip.dataset.move, { source: grip, target: "#criteria", swap: "outerHTML", values: { ...values, rev: $("#poller").dataset.rev } }).then(() => {
      const now = document.getElementById(`criterion-${key}`);
      if (!now) return;
      const rows = $$("tr[data-of]", now.parentElement);
      say(`${name}, place ${rows.indexOf(now) + 1} of ${rows.length}`);
      (document.getElementById(again) ?? $("[data-grip]", now))?.focus({ preventScroll: false });
    });
  };
  // Keys pressed before an answer is there wait for it: each is a step from where the row is by then.
  let moves = Promise.resolve();
  let moving = null;
  const step = (key, to, again) => {
    const row = document.getElementById(`criterion-${key}`);
    const near = to === "up" ? row?.previousElementSibling : row?.nextElementSibling;
    if (near?.matches("tr[data-of]")) return send(row, { to }, again);
    if (row) say(`${row.getAttribute("aria-label")} is at the ${to === "up" ? "top" : "end"}`);
  };
  document.addEventListener("keydown", (event) => {
    const held = event.target === document.body ? moving : null; // the row is drawn anew just now
    const key = rowOf(event.target)?.dataset.of ?? held?.key;
    if (!key || !event.altKey || event.ctrlKey || event.metaKey || !/^Arrow(Up|Down)$/.test(event.key)) return;
    event.preventDefault();
    const mine = { key, again: held?.again ?? event.target.id };
    moving = mine;
    moves = moves.then(() => step(key, event.key === "ArrowUp" ? "up" : "down", mine.again)).catch(() => {}).then(() => {
      if (moving === mine) moving = null;
    });
  });
  document.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest?.("[data-grip]");
    const row = rowOf(grip);
    if (!row || event.button) return;
    event.preventDefault();
    grip.focus();
    const body = row.parentElement;
    const place = () => $$("tr[data-of]", body).indexOf(row);
    const first = place();
    const next = row.nextElementSibling;
    const move = ({ clientY }) => {
      row.classList.add("is-dragged");
      const others = $$("tr[data-of]", body).filter((one) => one !== row);
      const below = others.find((one) => clientY < one.getBoundingClientRect().top + one.offsetHeight / 2);
      if (below ? below !== row.nextElementSibling : row !== body.lastElementChild) body.insertBefore(row, below ?? null);
      if (clientY > innerHeight - 60) scrollBy(0, 12);
      else if (clientY < 110) scrollBy(0, -12);
    };
    const stop = (done) => {
      document.removeEventListener("pointermove", move);
      document.removeEventListener("pointerup", drop);
      document.removeEventListener("pointercancel", cancel);
      document.removeEventListener("keydown", escape, true);
      row.classList.remove("is-dragged");
      if (!done) body.insertBefore(row, next);
      else if (place() !== first) send(row, { before: row.nextElementSibling?.dataset.of ?? "" }, grip.id);
    };
    const drop = () => stop(true);
    const cancel = () => stop(false);
    const escape = (key) => key.key === "Escape" && cancel();
    // On the document: a row that moves in the list would lose a captured pointer.
    document.addEventListener("pointermove", move);
    document.addEventListener("pointerup", drop);
    document.addEventListener("pointercancel", cancel);
    document.addEventListener("keydown", escape, true);
  });

  /* A value that leads have goes into the list of values, or out of it again. */
  document.addEventListener("click", (event) => {
    const offer = event.target.closest("[data-offer]");
    const input = offer && document.getElementById(offer.dataset.offer);
    if (!input) return;
    const held = input.value.split(/[,;]/).map((value) => value.trim()).filter(Boolean);
    const at = held.findIndex((value) => value.toLowerCase() === offer.dataset.value.toLowerCase());
    if (at < 0) held.push(offer.dataset.value);
    else held.splice(at, 1);
    input.value = held.join(", ");
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });

  /* Some of many: what is ticked becomes a chip above the list, what is unticked goes back into it; the keyboard stays in the list. */
  const inPicker = (element) => element.closest?.("[data-picker]");
  document.addEventListener("change", ({ target }) => {
    const picker = inPicker(target);
    const one = picker && target.closest(".p-pick-one");
    if (!one) return;
    const hadFocus = one.contains(document.activeElement);
    const near = [one.nextElementSibling, one.previousElementSibling].find((other) => other?.matches(".p-pick-one"));
    if (target.checked) $("[data-picked]", picker).append(one);
    else $("[data-picks]", picker).prepend(one);
    if (hadFocus) $("input", near ?? one).focus({ preventScroll: true });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("[type=search]") && inPicker(event.target)) event.preventDefault();
  });
  document.addEventListener("htmx:afterSwap", ({ detail: { target } }) => {
    if (!target.matches?.("[data-picks]")) return;
    const chosen = new Set($$("[data-picked] input", inPicker(target)).map((input) => input.value));
    for (const input of $$("input", target)) if (chosen.has(input.value)) input.closest(".p-pick-one").remove();
  });

  /* What history suggests, above the criteria until it is closed. */
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-close-suggested]")) return;
    const empty = Object.assign(document.createElement("div"), { id: "suggested", hidden: true });
    $("#suggested").replaceWith(empty);
    $("#suggest-button")?.focus();
  });

  /* The talk about a criterion, beside the criteria. */
  let opener = null;
  function closeTalk() {
    const drawer = $("#talk");
    if (!drawer || drawer.hidden) return;
    drawer.hidden = true;
    drawer.replaceChildren();
    (opener && (opener.isConnected ? opener : document.getElementById(opener.id)))?.focus();
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-talk]");
    const drawer = $("#talk");
    if (link && drawer && window.htmx && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
      event.preventDefault();
      const key = link.pathname.split("/").at(-3);
      if (!drawer.hidden && $(`#talk-of-${key}`, drawer)) return closeTalk();
      opener = link;
      const inner = document.createElement("div");
      inner.id = `talk-of-${key}`;
      drawer.replaceChildren(inner);
      drawer.hidden = false;
      drawer.focus({ preventScroll: true });
      window.htmx.ajax("GET", link.pathname, { target: inner, swap: "innerHTML" });
    } else if (event.target.closest("[data-close-talk]")) closeTalk();
    const reply = event.target.closest("[data-reply]");
    if (reply) {
      const form = $("form[data-comment]");
      form.elements.reply_to.value = reply.dataset.reply;
      const words = $("[data-replying]", form);
      words.textContent = `reply to ${reply.dataset.replyWords}`;
      words.hidden = false;
      $("textarea", form).focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && $("#talk")?.contains(event.target)) closeTalk();
  });
  /* What is typed into the talk outlives what else is answered there. */
  let kept = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!event.detail.target.id?.startsWith("talk-of-")) return;
    const sentBy = event.detail.requestConfig?.elt?.closest?.("form");
    kept = $$("form", event.detail.target).filter((form) => form !== sentBy).flatMap((form) =>
      $$("textarea, input:not([type=hidden], [type=radio], [type=checkbox])", form).filter(isChanged).map((field) => [field.name, form.getAttribute("action"), field.value]));
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (!event.detail.target.id?.startsWith("talk-of-")) return;
    for (const [name, action, value] of kept) {
      const field = $(`form[action="${action}"] [name="${name}"]`, event.detail.target);
      if (field) field.value = value;
    }
    kept = [];
  });
})();
