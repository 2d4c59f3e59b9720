// The submit form by mouse: sliders beside the numbers, adapters out of a list, chosen uploads, and the price while one fills it in.
const form = document.getElementById('submit');
const quote = form.querySelector('[data-quote]');

for (const slider of form.querySelectorAll('[data-slides]')) {
  const number = form.elements[slider.dataset.slides];
  slider.hidden = false;
  slider.addEventListener('input', () => {
    number.value = slider.value;
    number.dispatchEvent(new Event('input', { bubbles: true }));
  });
  const follow = () => { if (number.value !== '') slider.value = number.value; };
  number.addEventListener('input', follow);
  addEventListener('pageshow', follow); // the browser may have kept what was typed
}

for (const list of form.querySelectorAll('[data-adds]')) {
  const field = form.elements[list.dataset.adds];
  list.hidden = false;
  list.addEventListener('change', () => {
    if (!list.value) return;
    field.value = [field.value.trim().replace(/,$/, ''), `${list.value}:1`].filter(Boolean).join(', ');
    list.value = '';
    field.dispatchEvent(new Event('input', { bubbles: true }));
    field.focus();
  });
}

// What is chosen of the uploads is seen: of a clip its first frame.
for (const picture of form.querySelectorAll('[data-shows]')) {
  const list = form.elements[picture.dataset.shows];
  const show = () => {
    picture.hidden = !list.value;
    if (list.value) picture.src = `/inputs/${list.value}/thumbnail`;
  };
  list.addEventListener('change', show);
  addEventListener('pageshow', show); // the browser may have kept what was chosen
}

// Asked for once typing rests; what was asked before is not waited for.
const REST = 600; // milliseconds
let timer;
let asking;

async function ask() {
  asking?.abort();
  if (!form.prompt.value.trim()) { quote.replaceChildren(); return; }
  asking = new AbortController();
  try {
    const answer = await fetch('/submit/quote', { method: 'POST', body: new FormData(form), signal: asking.signal });
    quote.textContent = answer.ok ? (await answer.text()).trim() : '';
  } catch { /* another question is on its way, or the farm does not answer: sending says so */ }
}

function askSoon() {
  clearTimeout(timer);
  timer = setTimeout(ask, REST);
}
form.addEventListener('input', askSoon);
document.addEventListener('click', (event) => { if (event.target.closest('[data-prompt], #dice, #lock')) askSoon(); });
askSoon();
