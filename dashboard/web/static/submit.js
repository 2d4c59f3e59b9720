// The submit form: says how many renders it asks for, and shows faults beside their fields without a new page.
import { gettext, ngettext } from './messages.js';

const form = document.getElementById('submit');
const button = form.querySelector('button.main');

function total() {
  const prompts = form.prompt.value.split('\n').filter((line) => line.trim()).length;
  const seeds = form.seeds.value.split(/[\s,]+/).filter(Boolean).length || Math.max(1, Number(form.seed_count.value) || 1);
  const lists = form.sweep.value.split('\n').filter((line) => line.includes('=') && !line.trim().startsWith('__'));
  const values = lists.reduce((product, line) => product * line.split('=')[1].split(',').filter((value) => value.trim()).length, 1);
  form.querySelector('[data-count]').textContent =
    values > 1 ? gettext('up to %(count)s renders', { count: prompts * seeds * values })
      : prompts * seeds > 1 ? ngettext('%(num)s prompt × %(seeds)s = %(count)s renders', '%(num)s prompts × %(seeds)s = %(count)s renders', prompts, { seeds, count: prompts * seeds }) : '';
}

function fieldOf(pointer) {
  const name = pointer.split('/')[1] ?? '';
  if (['variables', 'rows', 'wildcards'].includes(name)) return 'sweep';
  return name === 'seed' ? 'seeds' : form.querySelector(`[data-faults="${CSS.escape(name)}"]`) ? name : '';
}

function placed(name, values) {
  if (name === 'prompt') return gettext('line %(number)s: %(fault)s', values);
  return name === 'seeds' ? gettext('seed %(number)s: %(fault)s', values) : gettext('value %(number)s: %(fault)s', values);
}

function show(faults) {
  for (const list of form.querySelectorAll('[data-faults]')) { list.hidden = true; list.replaceChildren(); }
  for (const field of form.querySelectorAll('[aria-invalid]')) field.removeAttribute('aria-invalid');
  for (const { pointer, detail } of faults) {
    const name = fieldOf(pointer);
    const list = form.querySelector(`[data-faults="${CSS.escape(name)}"]`);
    const place = Number(pointer.split('/')[2]);
    const item = document.createElement('li');
    item.textContent = place >= 0 ? placed(name, { number: place + 1, fault: detail }) : detail;
    list.append(item);
    list.hidden = false;
    const closed = list.closest('details:not([open])');
    if (closed) closed.open = true;
    form.querySelector(`[name="${CSS.escape(name)}"]`)?.setAttribute('aria-invalid', 'true');
  }
  const first = form.querySelector('[data-faults]:not([hidden])');
  const field = form.querySelector('[aria-invalid]');
  (field && field.type !== 'hidden' ? field : first)?.focus?.();
  first?.scrollIntoView({ block: 'center' });
}

async function send(event) {
  // The quote comes with the page, and presets have addresses of their own.
  if (event.submitter?.name === 'dry_run' || event.submitter?.hasAttribute('formaction')) return;
  event.preventDefault();
  if (button.disabled) return;
  button.disabled = true;
  try {
    const response = await fetch(form.action, {
      method: 'POST', body: new FormData(form), headers: { Accept: 'application/problem+json' },
    });
    if (response.ok) { location.assign(response.url); return; }
    const problem = await response.json();
    show(problem.errors ?? [{ pointer: '', detail: problem.detail }]);
  } catch {
    show([{ pointer: '', detail: gettext('The farm did not answer. Nothing is lost: send it again, it will not be rendered twice.') }]);
  }
  button.disabled = false;
}

// A seed is drawn by the farm, unless one stands here: the dice put one there, the lock keeps it or lets it go.
const [dice, lock] = ['dice', 'lock'].map((id) => document.getElementById(id));
let kept = '';

function draw() {
  const drawn = crypto.getRandomValues(new Uint32Array(Math.min(100, Math.max(1, Number(form.seed_count.value) || 1))));
  form.seeds.value = [...drawn].join(', ');
}

function showLock() {
  const locked = form.seeds.value.trim() !== '';
  if (locked) kept = form.seeds.value;
  lock.setAttribute('aria-pressed', locked);
}

dice.addEventListener('click', () => { draw(); showLock(); total(); });
lock.addEventListener('click', () => {
  if (form.seeds.value.trim()) form.seeds.value = '';
  else if (kept) form.seeds.value = kept;
  else draw();
  showLock();
  total();
});
for (const button of [dice, lock]) button.hidden = false;

form.addEventListener('input', () => { showLock(); total(); });
form.addEventListener('submit', send);
// Ctrl+Enter in the prompts sends, as people know it from other tools.
form.prompt.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
// A prompt of before goes into the field, and what else is filled in stays.
for (const link of document.querySelectorAll('a[data-prompt]')) {
  link.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    form.prompt.value = link.dataset.prompt;
    form.prompt.focus();
    total();
  });
}
// Another model keeps what was typed of the fields that all have, and the picture to start from.
const CARRIED = ['prompt', 'negative_prompt', 'seeds', 'seed_count', 'image'];
const LONGEST = 4000; // characters of an address, of each
for (const link of document.querySelectorAll('#models a')) {
  link.addEventListener('click', () => {
    const address = new URL(link.href);
    for (const name of CARRIED) {
      const typed = form.elements[name]?.value.trim() ?? '';
      if (typed && encodeURIComponent(typed).length < LONGEST) address.searchParams.set(name, typed);
      else address.searchParams.delete(name);
    }
    link.href = address;
  });
}
// Enter in the name of a preset keeps it, and sends no job.
form.preset_name.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter') return;
  event.preventDefault();
  form.requestSubmit(form.querySelector('[formaction="/presets"]'));
});
addEventListener('pageshow', () => { button.disabled = false; showLock(); });
showLock();
total();
