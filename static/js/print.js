/* Puts a page on paper: its own button prints it, and a workshop prints its brief as the draft is at that moment. */
"use strict";

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});

/* The print dialogue waits for this event's handlers alone, so the brief is fetched without letting go. */
window.addEventListener("beforeprint", () => {
  const place = document.querySelector("#print-brief");
  if (!place) return;
  const request = new XMLHttpRequest();
  request.open("GET", place.dataset.brief, false);
  request.setRequestHeader("HX-Request", "true");
  try {
    request.send();
  } catch {
    return; // offline: the page itself is printed
  }
  if (request.status !== 200) return;
  const fetched = new DOMParser().parseFromString(request.responseText, "text/html").querySelector(".p-brief");
  if (!fetched) return;
  place.replaceChildren(fetched);
  document.body.classList.add("p-prints-brief");
});
window.addEventListener("afterprint", () => {
  document.body.classList.remove("p-prints-brief");
  document.querySelector("#print-brief")?.replaceChildren();
});
