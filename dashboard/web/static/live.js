// Live pages: the server tells what changed, and the page reads itself again.
//
// <main data-live="/api/v1/live?job=…">  hears of changed jobs and of steps
// <main data-reread="5">                 reads itself again every five seconds while it is seen
// [data-part] with an id                 is replaced when the server's version of it differs
// [data-list] with an id                 gets new children, loses gone ones and has them in order; children have ids
// <main data-since="…">                  asks for what has changed since then, in seconds since 1970
// [data-render]                          shows the steps of a render, and its previews in place of its empty frame
import { gettext, ngettext } from './messages.js';

const main = document.querySelector('main');
const SOONEST = 600; // milliseconds between two readings
// By how much the farm's clock is ahead of this machine's, in milliseconds.
const ahead = main.dataset.now ? 1000 * main.dataset.now - Date.now() : 0;

const served = new Map();
// A form's token differs at every reading and means no change.
const told = (part) => part.outerHTML.replace(/name="csrf_token" value="[^"]*"/g, '');
// In slices: a grid has thousands of cells. One that is not noted yet is replaced when the page is read again, no more.
const unnoted = [...document.querySelectorAll('[data-part]')];
function noteSome() {
  for (const part of unnoted.splice(0, 250)) if (!served.has(part.id)) served.set(part.id, told(part));
  if (unnoted.length) setTimeout(noteSome);
}
noteSome();

let timer = null;
let lastRead = -SOONEST;
let reading = false;
let again = false;

function rereadSoon() {
  if (reading) { again = true; return; }
  if (timer !== null) return;
  timer = setTimeout(reread, Math.max(50, lastRead + SOONEST - performance.now()));
}

// A page of thousands of cells asks for those alone that have changed.
function changes() {
  const address = new URL(location.href);
  if (main.dataset.since) address.searchParams.set('since', main.dataset.since);
  return address;
}

async function reread() {
  timer = null;
  reading = true;
  lastRead = performance.now();
  try {
    const response = await fetch(changes(), { headers: { Accept: 'text/html' } });
    if (response.redirected && new URL(response.url).pathname === '/sign-in') location.reload();
    if (response.ok) merge(new DOMParser().parseFromString(await response.text(), 'text/html'));
  } catch { /* away for a moment: the next event or the next connection reads again */ }
  reading = false;
  if (again) { again = false; rereadSoon(); }
}

function merge(fresh) {
  if (main.querySelector('.held')) { rereadSoon(); return; } // somebody drags: rows stay where the pointer sees them
  main.dataset.since = fresh.querySelector('main')?.dataset.since ?? '';
  if (fresh.title) document.title = fresh.title; // how far a job is, also for whoever works in another tab
  for (const list of document.querySelectorAll('[data-list]')) {
    const other = fresh.getElementById(list.id);
    if (!other || idsOf(list) === idsOf(other)) continue;
    if (isPointedAt(list)) rereadSoon(); else mergeList(list, other, fresh);
  }
  for (const part of document.querySelectorAll('[data-part]')) {
    const other = fresh.getElementById(part.id);
    if (!other) continue;
    const html = told(other);
    if (served.get(part.id) === html) continue;
    served.set(part.id, html);
    replace(part, other);
  }
  showTimes();
}

// Nothing moves under a pointer that is on its way: it would press something else. It has to rest first.
const REST = 1500; // milliseconds
let pointed = -REST;
addEventListener('pointermove', () => { pointed = performance.now(); }, { passive: true });
const isPointedAt = (list) => performance.now() - pointed < REST && list.matches(':hover');
const idsOf = (list) => [...list.children].map((child) => child.id).join();

function mergeList(list, other, fresh) {
  const held = document.activeElement;
  for (const child of [...list.children]) if (!fresh.getElementById(child.id)) child.remove();
  let place = list.firstElementChild;
  for (const child of other.children) {
    const here = document.getElementById(child.id);
    if (here && here === place) { place = place.nextElementSibling; continue; }
    if (here) { list.insertBefore(here, place); continue; }
    const made = document.importNode(child, true);
    list.insertBefore(made, place);
    for (const part of made.querySelectorAll('[data-part]')) served.set(part.id, told(part));
  }
  if (held !== document.activeElement && held?.isConnected) held.focus({ preventScroll: true }); // what moves loses it
}

function replace(part, other) {
  const held = part.contains(document.activeElement) ? document.activeElement : null;
  const made = document.importNode(other, true);
  // A picture that stays keeps its place on the screen instead of being fetched and drawn anew.
  for (const picture of made.querySelectorAll('img[src]')) {
    const old = [...part.querySelectorAll('img')].find((one) => one.getAttribute('src') === picture.getAttribute('src'));
    if (old) picture.replaceWith(old);
  }
  for (const box of made.querySelectorAll('input[type="checkbox"]')) {
    box.checked = part.querySelector(`input[value="${CSS.escape(box.value)}"]`)?.checked ?? box.checked;
  }
  const open = [...part.querySelectorAll('details')].map((one) => one.open);
  made.querySelectorAll('details').forEach((one, index) => { one.open = open[index] ?? one.open; });
  part.replaceWith(made);
  if (held) (made.matches('a, button') ? made : made.querySelector('a, button'))?.focus({ preventScroll: true });
}

function showStep(step) {
  const card = document.querySelector(`[data-render="${CSS.escape(step.render_id)}"]`);
  const bar = card?.querySelector('progress');
  if (bar) {
    bar.hidden = false;
    bar.max = step.steps || 1;
    bar.value = step.step;
    const words = { claimed: gettext('starting'), encoding: gettext('reading the prompt'), parked: gettext('parked'), finishing: gettext('finishing') };
    card.querySelector('.phase').textContent = words[step.phase] ?? gettext('step %(step)s of %(steps)s', { step: step.step, steps: step.steps });
  }
  const job = document.querySelector(`[data-job="${CSS.escape(step.job_id)}"]`);
  if (job?.dataset.state === 'waiting' || card?.dataset.status === 'pending') rereadSoon();
}

function showPreview(preview) {
  const frame = document.querySelector(`[data-render="${CSS.escape(preview.render_id)}"] .frame`);
  if (!frame) return;
  let picture = frame.parentElement.querySelector('.preview');
  if (!picture) {
    picture = document.createElement('img');
    picture.className = 'preview';
    picture.alt = '';
    frame.after(picture);
  }
  picture.src = `/api/v1/renders/${preview.render_id}/preview?step=${preview.step}`;
}

// The browser comes back by itself when a connection breaks, but not after an answer that is no stream: that of a proxy
// while the farm is started anew, or of a farm with too many streams. It is asked again, later each time.
const [SOON, LATE] = [2000, 60000]; // milliseconds
let wait = SOON;

function listen(address) {
  const source = new EventSource(address);
  source.addEventListener('snapshot', (event) => {
    JSON.parse(event.data).progress.forEach(showStep);
    rereadSoon(); // what happened between the page and this moment
  });
  source.addEventListener('job', rereadSoon);
  source.addEventListener('step', (event) => showStep(JSON.parse(event.data)));
  source.addEventListener('preview', (event) => showPreview(JSON.parse(event.data)));
  source.addEventListener('open', () => { wait = SOON; showAway(false); });
  source.addEventListener('error', () => {
    showAway(true);
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => { listen(address); rereadSoon(); }, wait * (1 + Math.random())); // not all pages at once
    wait = Math.min(2 * wait, LATE);
  });
  addEventListener('pagehide', () => source.close(), { once: true });
}

// A page without a connection is as old as its last word: after some seconds that is said.
const PATIENCE = 6000; // milliseconds
let away = null;

function showAway(now) {
  if (!now) {
    clearTimeout(away);
    away = null;
    document.getElementById('away')?.remove();
  } else if (away === null) {
    away = setTimeout(() => {
      const notice = document.createElement('p');
      notice.id = 'away';
      notice.className = 'away';
      notice.setAttribute('role', 'status');
      notice.textContent = gettext('The farm is not heard at the moment. This page goes on by itself when it is.');
      document.body.append(notice);
    }, PATIENCE);
  }
}

function ago(seconds) {
  if (seconds >= 86400) return ngettext('%(num)s day ago', '%(num)s days ago', Math.floor(seconds / 86400));
  if (seconds >= 3600) return gettext('%(number)s h ago', { number: Math.floor(seconds / 3600) });
  if (seconds >= 60) return gettext('%(number)s min ago', { number: Math.floor(seconds / 60) });
  return seconds >= 1 ? gettext('%(number)s s ago', { number: Math.floor(seconds) }) : gettext('now');
}

// "5 min ago" grows old by itself.
function showTimes() {
  for (const time of document.querySelectorAll('time[data-ago]')) {
    const seconds = Math.max(0, (Date.now() + ahead - Date.parse(time.dateTime)) / 1000);
    time.textContent = ago(seconds);
  }
}

showTimes();
setInterval(showTimes, 5000);
if (main.dataset.live) listen(main.dataset.live);
if (main.dataset.reread) setInterval(() => { if (!document.hidden) rereadSoon(); }, 1000 * main.dataset.reread);
// A page that comes back from the browser's memory has missed what happened.
addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
