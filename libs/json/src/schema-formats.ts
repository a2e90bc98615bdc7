/** The formats that are checked. All others are annotations, as the standard permits. */
export const FORMATS: Record<string, { test(text: string): boolean; word: string }> = {
  'date-time': {
    word: 'a date and time such as 2026-11-21T09:30:00Z',
    test: (text) => /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(text) && isDate(text),
  },
  date: { word: 'a date such as 2026-11-21', test: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && isDate(text) },
  email: { word: 'an e-mail address', test: (text) => /^[^\s@]+@[^\s@.]+(\.[^\s@.]+)*$/.test(text) },
  uri: { word: 'a URI', test: (text) => /^[a-z][a-z0-9+.-]*:\S+$/i.test(text) },
  uuid: { word: 'a UUID', test: (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) },
};
/** Refuses days that the month does not have (2026-02-30), which `Date` would accept. */
function isDate(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split('-').map(Number);
  const rolled = new Date(Date.UTC(year, month - 1, day));
  return rolled.getUTCMonth() === month - 1 && rolled.getUTCDate() === day && !Number.isNaN(Date.parse(text));
}
