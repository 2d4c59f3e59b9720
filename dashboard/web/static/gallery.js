// The gallery and its picture page: scrolling without end, choosing, marking by keys, deleting with undo.
import { gettext, ngettext } from './messages.js';

const grid = document.getElementById('gallery');
const form = document.getElementById('marks');
const toast = document.getElementById('toast');
const boxes = () => [...document.querySelectorAll('#gallery input[name=render]')];
const chosen = () => boxes().filter((box) => box.checked).map((box) => box.value);
const parse = (text) => new DOMParser().parseFromString(text, 'text/html');

// Whatever is chosen is counted, and only then can something be done with it.
function count() {
  if (!grid) return;
  const some = chosen().length;
  form.hidden = !some;
  document.getElementById('none').hidden = !some;
  document.getElementById('chosen').textContent = some ? ngettext('%(num)s chosen', '%(num)s chosen', some) : '';
}

// What is below is fetched shortly before it is seen.
let loading = false;
async function more(link) {
  if (loading) return;
  loading = true;
  try {
    const response = await fetch(link.href, { headers: { Accept: 'text/html' } });
    if (response.ok) {
      const page = parse(await response.text());
      for (const card of page.querySelectorAll('#gallery > li')) {
        if (!document.getElementById(card.id)) grid.append(document.importNode(card, true));
      }
      const next = page.getElementById('older');
      if (next) link.href = next.href; else link.remove();
      if (grid.children.length) document.querySelector('.empty')?.remove();
    }
  } catch { /* the link stays: a click or the next scroll tries again */ }
  loading = false;
  if (link.isConnected) { watch.unobserve(link); watch.observe(link); }
}
const watch = new IntersectionObserver((seen) => {
  for (const one of seen) if (one.isIntersecting) more(one.target);
}, { rootMargin: '900px' });

function say(words, undo) {
  if (!toast) return;
  toast.querySelector('span').textContent = words;
  const button = document.getElementById('undo');
  button.hidden = !undo;
  button.onclick = undo ?? null;
  toast.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { toast.hidden = true; }, undo ? 15000 : 5000);
}

async function send(action, ids, more = {}) {
  const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value, do: action, ...more });
  for (const id of ids) body.append('render', id);
  const response = await fetch(form.getAttribute('action'), { method: 'POST', body, headers: { 'X-Part': 'cards', Accept: 'text/html, application/problem+json' } });
  if (response.ok) return parse(await response.text());
  const problem = await response.json().catch(() => ({}));
  throw new Error(problem.errors?.[0]?.detail ?? problem.detail ?? gettext('The farm does not answer.'));
}

function show(page, ids) {
  for (const id of ids) {
    const old = document.getElementById(`card-${id}`);
    const fresh = page.getElementById(`card-${id}`);
    if (!old || !fresh) continue;
    const held = document.activeElement === old.querySelector('a');
    const made = document.importNode(fresh, true);
    made.querySelector('input').checked = old.querySelector('input').checked;
    const picture = old.querySelector('img');
    if (picture) made.querySelector('img')?.replaceWith(picture);
    old.replaceWith(made);
    if (held) made.querySelector('a').focus({ preventScroll: true });
  }
}

// The cards of what was deleted come back to where they were.
async function remove(ids) {
  const gone = ids.map((id) => document.getElementById(`card-${id}`));
  const beside = gone.at(-1).nextElementSibling ?? gone[0].previousElementSibling;
  await send('delete', ids);
  const places = gone.map((card) => [card, card.nextElementSibling]);
  for (const card of gone) { card.querySelector('input').checked = false; card.remove(); }
  beside?.querySelector('a').focus({ preventScroll: true });
  count();
  say(ngettext('%(num)s picture deleted', '%(num)s pictures deleted', ids.length), async () => {
    try {
      await send('restore', ids);
      for (const [card, next] of places.reverse()) grid.insertBefore(card, next?.isConnected ? next : null);
      gone[0].querySelector('a').focus();
      say(gettext('Restored'));
    } catch (error) { say(error.message); }
  });
}

async function act(action, ids, more) {
  if (!ids.length) return;
  try {
    if (action === 'delete') { await remove(ids); return; }
    const page = await send(action, ids, more);
    if (action === 'restore' || action.startsWith('unboard-')) for (const id of ids) document.getElementById(`card-${id}`)?.remove();
    else show(page, ids);
    count();
    say(ids.length === 1 ? gettext('Done') : gettext('Done for %(count)s pictures', { count: ids.length }));
  } catch (error) { say(error.message); }
}

// Favourites all, or if the first of them is one already, none of them.
const favouriteOrNot = (ids) => (document.getElementById(`card-${ids[0]}`)?.dataset.favourite === undefined ? 'favourite' : 'not-favourite');
const focused = () => document.activeElement?.closest?.('.card');

function step(key) {
  const cards = [...grid.children];
  const here = cards.indexOf(focused());
  const top = cards[0]?.offsetTop;
  const columns = Math.max(1, cards.findIndex((card) => card.offsetTop !== top));
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  const next = cards[here < 0 ? 0 : here + by];
  next?.querySelector('a').focus();
  next?.scrollIntoView({ block: 'nearest' });
}

function gridKey(event) {
  const card = focused();
  const box = card?.querySelector('input');
  const ids = chosen().length ? chosen() : box ? [box.value] : [];
  if (event.key.startsWith('Arrow')) step(event.key);
  else if (event.key === '/') document.getElementById('text').focus();
  else if (event.key === 'Escape') { for (const one of boxes()) one.checked = false; count(); }
  else if ((event.key === 'x' || event.key === ' ') && box && event.target !== box) { box.checked = !box.checked; count(); }
  else if (event.key === 'f' && ids.length) act(favouriteOrNot(ids), ids);
  else if (/^[0-5]$/.test(event.key) && ids.length) act(`rate-${event.key}`, ids);
  else if (event.key === 'Delete' && ids.length) act('delete', ids);
  else if (event.key === 't' && ids.length) { if (box && !chosen().length) { box.checked = true; count(); } document.getElementById('new-tag').focus(); }
  else return;
  event.preventDefault();
}

// On the picture's page a key presses the button that says the same.
function pictureKey(event) {
  const press = (action) => form.querySelector(`button[value="${action}"]`);
  if (event.key === 'Escape') document.getElementById('up').click();
  else if (event.key === 'f') (press('not-favourite') ?? press('favourite')).click();
  else if (/^[0-5]$/.test(event.key)) press(`rate-${event.key}`).click();
  else if (event.key === 'Delete') press('delete')?.click();
  else if (event.key === 't') document.getElementById('new-tag').focus();
  else return;
  event.preventDefault();
}

// What a picture's page has deleted is undone by a form, what the gallery has by the button of its message.
const undo = () => [document.getElementById('undo'), document.getElementById('gone')].find((button) => button?.onclick || button?.form);

document.addEventListener('keydown', (event) => {
  if (event.target.closest('input:not([type=checkbox]), textarea, select, video')) return;
  const held = event.ctrlKey || event.metaKey;
  const asksToUndo = held ? event.key === 'z' && !event.shiftKey : event.key === 'u' && !event.altKey;
  if (asksToUndo && undo()) { event.preventDefault(); undo().click(); return; }
  if (held || event.altKey) return;
  if (grid) gridKey(event); else pictureKey(event);
});

if (grid) {
  let last = null;
  grid.addEventListener('click', (event) => {
    if (event.target.name !== 'render') return;
    const all = boxes();
    const here = all.indexOf(event.target);
    const from = all.indexOf(last);
    if (event.shiftKey && from >= 0) {
      for (const box of all.slice(Math.min(from, here), Math.max(from, here) + 1)) box.checked = event.target.checked;
    }
    last = event.target;
    count();
  });
  form.addEventListener('submit', (event) => {
    const field = event.target.ownerDocument.activeElement;
    // Enter in a field means the button beside it, not the first of the form.
    const entered = { tag: 'tag', new_board: 'board' }[field?.name];
    if (!entered && event.submitter?.hasAttribute('formaction')) return; // a file comes, and the page stays
    event.preventDefault();
    const button = entered ?? event.submitter?.value;
    const more = { tag: form.elements.tag?.value ?? '', board: form.elements.board?.value ?? '', new_board: form.elements.new_board?.value ?? '' };
    act(button === 'favourite' ? favouriteOrNot(chosen()) : button, chosen(), more).then(() => { for (const name of ['tag', 'new_board']) if (form.elements[name]) form.elements[name].value = ''; });
  });
  document.getElementById('none').addEventListener('click', () => { for (const box of boxes()) box.checked = false; count(); });
  const link = document.getElementById('older');
  if (link) watch.observe(link);
  count();
} else if (form) {
  // Enter in a field means the button beside it.
  form.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.target.tagName !== 'INPUT') return;
    event.preventDefault();
    form.querySelector(`button[value="${event.target.name === 'tag' ? 'tag' : 'board'}"]`).click();
  });
}
