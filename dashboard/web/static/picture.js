// The picture page: copy the prompt, and walk through the job with the arrow keys.
import { gettext } from './messages.js';

function offerCopy() {
  for (const button of document.querySelectorAll('[data-copy]')) button.hidden = !navigator.clipboard;
}
document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  const label = button.textContent;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.textContent = gettext('Copied');
  setTimeout(() => { button.textContent = label; }, 1500);
});
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select, video')) return;
  const link = { ArrowLeft: 'previous', ArrowRight: 'next' }[event.key];
  if (link) document.getElementById(link)?.click();
});
offerCopy();
new MutationObserver(offerCopy).observe(document.querySelector('.side'), { childList: true, subtree: true });
