// The queue by mouse, finger and keys: what is dropped is sent as the buttons send it, and the page stays where it is.
const form = document.getElementById('queue');

async function send(fields, focus) {
  const body = new FormData();
  body.set('csrf_token', form.elements.csrf_token.value);
  for (const [name, value] of fields) body.append(name, value);
  const answer = await fetch('/queue', { method: 'POST', body });
  if (!answer.ok) { location.reload(); return; }
  const shown = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('lines');
  if (!shown) { location.reload(); return; }
  if (held) return;  // nothing moves under a pointer that drags: its drop shows all
  document.getElementById('lines').replaceChildren(...shown.children);
  document.querySelector(`[data-job="${CSS.escape(focus)}"] > a`)?.focus();
}

// Alt and an arrow, on anything of a job.
form?.addEventListener('keydown', (event) => {
  const item = event.target.closest('[data-job]');
  if (!item || !event.altKey || !['ArrowUp', 'ArrowDown'].includes(event.key)) return;
  event.preventDefault();
  send([['do', `${event.key === 'ArrowUp' ? 'up' : 'down'}:${item.dataset.job}`]], item.dataset.job);
});

let held = null;  // the job that is dragged, and those that go with it
let target = null;

function unmark() {
  for (const item of form.querySelectorAll('.target, .behind')) item.classList.remove('target', 'behind');
}

form?.addEventListener('pointerdown', (event) => {
  const grip = event.target.closest('.grip');
  if (!grip || event.button !== 0) return;
  event.preventDefault();
  const item = grip.closest('[data-job]');
  const list = item.parentElement;
  const chosen = [...list.children].filter((one) => one === item || one.querySelector(':checked'));
  held = { item, list, moved: item.querySelector(':checked') ? chosen : [item] };
  for (const one of held.moved) one.classList.add('held');
  form.setPointerCapture(event.pointerId);
});

form?.addEventListener('pointermove', (event) => {
  if (!held) return;
  const rows = [...held.list.children].filter((one) => !held.moved.includes(one));
  unmark();
  const next = rows.find((one) => { const box = one.getBoundingClientRect(); return event.clientY < box.top + box.height / 2; });
  target = { do: next ? 'before' : 'after', row: next ?? rows.at(-1) };
  if (next) next.classList.add('target');
  else rows.at(-1)?.classList.add('behind');
});

function drop(kept) {
  if (!held) return;
  const { item, moved } = held;
  for (const one of moved) one.classList.remove('held');
  unmark();
  const jobs = moved.map((one) => ['job', one.dataset.job]);
  if (kept && target?.row) send([...jobs, ['do', `${target.do}:${target.row.dataset.job}`]], item.dataset.job);
  held = target = null;
}

form?.addEventListener('pointerup', () => drop(true));
form?.addEventListener('pointercancel', () => drop(false));
form?.addEventListener('lostpointercapture', () => drop(false));  // by whatever else: the page goes on
addEventListener('keydown', (event) => { if (event.key === 'Escape') drop(false); });
