// Messages in the language of the page, which brings them along; English ones are their own translations.
const messages = JSON.parse(document.querySelector('meta[name="messages"]')?.content ?? '{}');
const plurals = new Intl.PluralRules(document.documentElement.lang);

const filled = (text, values) => text.replace(/%\((\w+)\)s/g, (gap, name) => values[name] ?? gap);

// A message; gaps stand as %(name)s.
export const gettext = (message, values = {}) => filled(messages[message] ?? message, values);

// A message about a number of things, which %(num)s stands for.
export function ngettext(one, many, number, values = {}) {
  const found = messages[one]?.[plurals.select(number)] ?? (number === 1 ? one : many);
  return filled(found, { num: number, ...values });
}
