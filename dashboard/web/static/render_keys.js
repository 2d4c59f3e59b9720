// The list of a job's renders by keys: arrows go from card to card, and a draft is kept or dropped where it stands.
const list = document.getElementById('renders');
const CHOICES = { k: 'button.main', o: 'button[name="stop"]', x: 'form[action$="/drop"] button' };

const cards = () => [...list.querySelectorAll(':scope > .render > a')];
const choicesOf = (card) => card.parentElement.querySelector('[id^="choice-"]');

// The nearest card above or below that stands in about the same column.
function inColumn(from, down) {
  const { top, left } = from.getBoundingClientRect();
  const rows = cards().map((card) => ({ card, box: card.getBoundingClientRect() }))
    .filter(({ box }) => (down ? box.top > top + 1 : box.top < top - 1));
  rows.sort((one, other) => Math.abs(one.box.top - other.box.top) > 1
    ? Math.abs(one.box.top - top) - Math.abs(other.box.top - top)
    : Math.abs(one.box.left - left) - Math.abs(other.box.left - left));
  return rows[0]?.card;
}

function goTo(card) {
  card?.focus({ preventScroll: true });
  card?.scrollIntoView({ block: 'nearest' });
}

// The page hears of it and reads itself again; meanwhile the buttons are gone, so that nobody presses them twice.
async function choose(button, next) {
  const form = button.form;
  const body = new FormData(form, button);
  const place = form.closest('[id^="choice-"]');
  place.inert = true;
  goTo(next);
  try {
    const answer = await fetch(form.action, { method: 'POST', body });
    if (!answer.ok) location.reload();
  } catch { place.inert = false; }
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select')) return;
  const card = event.target.closest('#renders > .render')?.querySelector(':scope > a');
  if (!card) {
    if (event.target === document.body && event.key === 'ArrowRight') goTo(cards()[0]);
    return;
  }
  const all = cards();
  const at = all.indexOf(card);
  const next = {
    ArrowLeft: () => all[at - 1],
    ArrowRight: () => all[at + 1],
    ArrowUp: () => inColumn(card, false),
    ArrowDown: () => inColumn(card, true),
    Home: () => all[0],
    End: () => all.at(-1),
  }[event.key]?.();
  if (next) {
    event.preventDefault();
    goTo(next);
    return;
  }
  const place = choicesOf(card);
  const button = CHOICES[event.key] && place && !place.inert ? place.querySelector(CHOICES[event.key]) : null;
  if (!button) return;
  event.preventDefault();
  const waits = (one) => one !== card && choicesOf(one)?.querySelector('button') && !choicesOf(one).inert;
  choose(button, all.slice(at + 1).find(waits) ?? all.find(waits));
});
