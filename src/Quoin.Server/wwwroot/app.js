// Keeps the page in step with the log of events, and the log of a run with what it prints.
// Everything here is a convenience: without it the page is the same, as of when it was loaded.

const root = document.documentElement;
const state = document.getElementById("live");
const say = text => { if (state && state.textContent !== text) state.textContent = text; };

// --- The page: fetched again when the log grew; regions that changed are swapped.

const pauseMin = 150; // Milliseconds between two fetches.
let wanted = false, busy = false, position = document.body.dataset.position;

async function refresh() {
  wanted = true;
  if (busy || document.hidden) return;
  busy = true;
  while (wanted && !document.hidden) {
    wanted = false;
    const began = performance.now();
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.redirected && new URL(answer.url).pathname !== location.pathname) {
        location.reload(); // The session is over.
        return;
      }
      if (!answer.ok) throw new Error(answer.status);
      swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
      say("live");
    } catch {
      say("not updated: the server does not answer");
    }
    // A page that is slow to make is asked for less often.
    const took = performance.now() - began;
    await new Promise(done => setTimeout(done, Math.max(pauseMin, took)));
  }
  busy = false;
}

function swap(fresh) {
  position = fresh.body.dataset.position;
  document.title = fresh.title;
  document.body.dataset.now = fresh.body.dataset.now;
  clock = performance.now();
  for (const old of document.querySelectorAll("[data-region]")) {
    const region = fresh.querySelector(`[data-region="${old.dataset.region}"]`);
    if (!region || region.innerHTML === old.sentHTML) continue;
    if (isBeingEdited(old)) continue;
    // What goes on by itself (a log) is swapped only for that of something else.
    if (old.dataset.keep && old.dataset.keep === region.dataset.keep) continue;
    if (old.dataset.keep) old.dataset.keep = region.dataset.keep;
    const focus = pathTo(document.activeElement, old);
    const open = [...old.querySelectorAll("details[open][id]")].map(details => details.id);
    old.sentHTML = region.innerHTML;
    old.replaceChildren(...region.childNodes);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    focus?.()?.focus({ preventScroll: true });
  }
  follow();
  tick();
}

function isBeingEdited(region) {
  const at = document.activeElement;
  return region.contains(at) && at.matches("input, textarea, select");
}

// How to find what had the focus after its region was swapped.
function pathTo(element, region) {
  if (!element || element === document.body || !region.contains(element)) return null;
  if (element.id) return () => document.getElementById(element.id);
  const href = element.getAttribute("href");
  if (href) return () => region.querySelector(`a[href="${CSS.escape(href)}"]`);
  const form = element.closest("form")?.getAttribute("action");
  if (form) return () => region.querySelector(`form[action="${CSS.escape(form)}"] button`);
  return null;
}

let news = null;

// Browsers have few connections for one host: a page that nobody sees gives its own back.
function listen() {
  if (news || document.hidden) return;
  news = new EventSource(`${document.body.dataset.live}?after=${position}`);
  news.addEventListener("open", () => say("live"));
  news.addEventListener("news", event => { if (event.data !== position) refresh(); });
  news.addEventListener("error", () => say(
    news?.readyState === EventSource.CLOSED ? "not live: reload the page" : "connecting again …"));
}

function rest() {
  news?.close();
  news = null;
}

if (document.body.dataset.live) {
  for (const region of document.querySelectorAll("[data-region]")) region.sentHTML = region.innerHTML;
  listen();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) rest();
    else {
      listen();
      refresh();
    }
  });
  addEventListener("pagehide", rest);
}

// --- Times that go on.

let clock = performance.now();

function tick() {
  const now = Date.parse(document.body.dataset.now) + performance.now() - clock;
  for (const time of document.querySelectorAll("time[data-since]"))
    time.textContent = duration(now - Date.parse(time.dataset.since));
}

function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000)), two = n => String(n).padStart(2, "0");
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${two(s % 60)}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h${two(Math.floor(s / 60) % 60)}m`;
  return `${Math.floor(s / 86400)}d${two(Math.floor(s / 3600) % 24)}h`;
}

setInterval(tick, 1000);

// --- The log of an attempt that runs.

const linesMax = 5000;

const followed = new Set();

function follow() {
  for (const log of followed) if (!log.isConnected) leave(log);
  for (const log of document.querySelectorAll(".log[data-follow]")) {
    if (log.isFollowed) continue;
    log.isFollowed = true;
    log.scrollTop = log.scrollHeight;
    followed.add(log);
    tail(log);
  }
}

// On from where it was; as for the news, a page that nobody sees gives the connection back.
function tail(log) {
  if (log.lines || document.hidden) return;
  const address = new URL(log.dataset.follow, location.href);
  if (log.position) address.searchParams.set("from", log.position);
  log.lines = new EventSource(address);
  log.lines.addEventListener("lines", event => {
    log.position = event.lastEventId;
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.insertAdjacentHTML("beforeend", event.data); // Escaped by the server.
    while (log.childElementCount > linesMax) log.firstElementChild.remove();
    if (isAtEnd) log.scrollTop = log.scrollHeight;
    if (!log.isConnected) leave(log);
  });
  log.lines.addEventListener("end", () => { leave(log); refresh(); });
}

function pause(log) {
  log.lines?.close();
  log.lines = null;
}

function leave(log) {
  pause(log);
  followed.delete(log);
}

document.addEventListener("visibilitychange", () => {
  for (const log of followed) document.hidden ? pause(log) : tail(log);
});
addEventListener("pagehide", () => followed.forEach(pause));

follow();

// --- Keys: g and a letter goes to a page, / to the search, ? to their list; j and k go through
// the links of tables. They can be switched off on that page.

const keysOff = "quoin-keys-off";
let isGoing = false;

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select") || localStorage.getItem(keysOff)) return;
  const { key } = event;
  const target = isGoing ? document.querySelector(`[data-key="${CSS.escape(key)}"]`) : null;
  isGoing = key === "g" && !isGoing;
  if (target) target.click();
  else if (key === "/") document.getElementById("find")?.focus();
  else if (key === "?") document.querySelector("[data-keys]")?.click();
  else if (key === "j" || key === "k") move(key === "j" ? 1 : -1);
  else return;
  event.preventDefault();
});

function move(step) {
  const links = [...document.querySelectorAll("main tbody tr > :first-child a")];
  if (links.length === 0) return;
  const at = links.indexOf(document.activeElement);
  links[at < 0 ? (step > 0 ? 0 : links.length - 1)
    : Math.min(links.length - 1, Math.max(0, at + step))].focus();
}

const keys = document.getElementById("keys");
if (keys) {
  keys.hidden = false;
  const box = keys.querySelector("input");
  box.checked = !localStorage.getItem(keysOff);
  box.addEventListener("change", () => box.checked
    ? localStorage.removeItem(keysOff)
    : localStorage.setItem(keysOff, "1"));
}

root.classList.add("js");
