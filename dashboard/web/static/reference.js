// The reference page of the API, for screen readers and for keys: what Scalar's markup (1.44.15) leaves out or says
// wrongly is put right as its program makes the page. Its faults are known (scalar/scalar#9725); this goes with them.
const FIXES = [
  ['.client-libraries-list [aria-selected]', (one) => { one.ariaPressed = one.ariaSelected; }],
  ['button[aria-selected]:not([role])', (one) => one.removeAttribute('aria-selected')],
  ['button[role="search"]', (one) => { one.removeAttribute('role'); one.ariaLabel = 'Search'; }],
  ['aside[role="navigation"]', (one) => { one.removeAttribute('role'); }],
  ['.client-libraries-list[role="tablist"]', (one) => {
    one.role = 'group';
    one.removeAttribute('aria-orientation');
  }],
  ['.client-libraries-list [role="tab"]', (one) => one.removeAttribute('role')],
  ['.client-libraries__select:not([aria-label])', (one) => { one.ariaLabel = 'More clients'; }],
  ['ul.endpoints:not([tabindex])', (one) => { one.tabIndex = 0; }],
  ['.response-card[role="region"]', (one) => { one.role = 'group'; }],
];

function fix() {
  for (const [which, how] of FIXES) document.querySelectorAll(which).forEach(how);
}

let due = false;
new MutationObserver(() => {
  if (due) return;
  due = true;
  requestAnimationFrame(() => { due = false; fix(); });
}).observe(document.body, { subtree: true, childList: true, attributeFilter: ['aria-selected', 'role'] });
fix();
