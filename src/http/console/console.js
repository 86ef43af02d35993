// Adds to pages that work without it: times in the reader's zone, figures that move, copying ids.
"use strict";
(() => {
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "medium" });
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "always" });

  const tellTimes = () => {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      const seconds = Math.round((at - Date.now()) / 1000);
      const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) || units[3];
      time.textContent = Math.abs(seconds) < 5 ? "just now" : relative.format(Math.trunc(seconds / size), unit);
      time.title = exact.format(at);
    }
  };
  tellTimes();
  setInterval(tellTimes, 30000);

  // A token that signs in once does not stay in the address bar.
  if (location.pathname === "/login" && location.search.includes("token=")) {
    history.replaceState(null, "", "/login");
  }

  for (const id of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) break;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy ${id.textContent}`);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(id.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    id.after(button);
  }

  const head = document.querySelector("[data-stream]");
  if (!head) return;
  const stale = head.querySelector(".stale");
  let source = null;
  const open = () => {
    source = new EventSource(head.dataset.stream);
    source.onmessage = (message) => {
      const figures = JSON.parse(message.data);
      for (const place of document.querySelectorAll("[data-live]")) {
        const text = figures[place.dataset.live];
        if (text !== undefined && place.textContent !== text) {
          // Words stay where they are being read; only figures move.
          if (place.dataset.live === "headline") stale.hidden = false;
          else place.textContent = place.value = text;
        }
      }
    };
    source.addEventListener("end", () => { close(); stale.hidden = false; });
  };
  const close = () => { if (source) source.close(); source = null; };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else if (!source) open();
  });
  addEventListener("pagehide", close);
  open();
})();
