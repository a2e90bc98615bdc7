/** Other words for the same thing. A query word also finds the other words of its line, with less weight than itself. */
import { stem } from './stems.js';
import type { Meant } from './vocabulary.js';

const WEIGHT = 0.6;

const GROUPS = `
  mail email inbox
  picture image photo photograph
  video movie film clip
  sound audio
  speech voice spoken
  song music track
  customer client buyer shopper purchaser
  user member account
  employee staff worker colleague
  applicant candidate
  resume cv
  hire recruit
  salary wage payroll pay
  holiday vacation leave
  boss manager supervisor lead
  company firm business organisation organization
  supplier vendor provider
  bill invoice
  receipt slip
  cost expense spending price
  money payment fund
  refund reimburse repay
  revenue sales income turnover
  discount rebate reduction
  offer quote proposal
  contract agreement
  lawyer attorney legal
  tax vat
  loan mortgage credit
  share stock equity
  buy purchase order procure
  basket cart
  parcel package shipment delivery
  freight cargo
  warehouse storage depot
  car vehicle automobile
  flight plane airfare
  trip travel journey
  hotel accommodation lodging
  map geography location
  weather climate forecast
  document file paper
  spreadsheet excel sheet xlsx
  slides presentation deck powerpoint
  chart graph plot diagram
  table grid
  report summary overview
  summarize shorten condense abridge
  translate translation localize
  text copy wording
  spelling orthography typo
  write draft compose author
  fix repair correct
  delete remove erase purge
  create make build generate produce
  change modify alter edit
  update refresh renew upgrade
  merge combine join unite
  split divide cut
  convert transform change
  compress shrink reduce
  resize scale shrink
  find search locate seek
  detect recognise recognize spot identify
  check verify validate test
  compare diff difference
  duplicate copy identical
  sort order arrange
  rank rate score
  predict forecast foresee estimate
  measure gauge
  count number quantity
  watch monitor observe track
  warn alert notify
  remind nudge reminder
  send deliver dispatch
  receive obtain collect
  upload store save
  download fetch retrieve
  backup dump snapshot
  restore recover
  error failure bug fault
  crash outage incident downtime
  slow sluggish latency
  fast quick speed
  deploy release rollout ship
  revert rollback undo
  server host machine
  database db postgres sql
  query question
  answer reply respond response
  chat message conversation
  phone telephone call
  text sms
  meeting appointment conference
  calendar agenda schedule
  task todo job
  ticket issue
  complaint claim
  website site webpage homepage
  link url hyperlink
  crawl scrape
  login signin password credential
  permission right access privilege
  secret key token
  hack attack intrusion
  malware virus
  vulnerability cve
  fraud scam
  privacy gdpr
  anonymize pseudonymize mask redact
  approve approval permit sign-off
  article post blog
  news headline
  book ebook
  student pupil learner
  teacher instructor
  exam quiz test
  course lesson training class
  paper study publication
  reference citation bibliography
  doctor physician
  drug medicine medication
  illness disease sick
  food meal dish
  recipe cook dinner
  restaurant table
  house home property
  flat apartment
  rent lease tenancy
  insurance policy coverage
  energy electricity power
  temperature heat
  plant crop
  game match
  code program source
  library dependency package
  repository repo git
  function method
  visitor guest
  people person
  address location
  currency exchange
  begin start launch
  stop end cancel
`;

const others = new Map<string, Set<string>>();
for (const line of GROUPS.split('\n')) {
  const stems = line
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '')
    .map(stem);
  for (const one of stems) {
    const known = others.get(one) ?? new Set();
    for (const other of stems) if (other !== one) known.add(other);
    others.set(one, known);
  }
}

export const synonymsOf = (stemmed: string): Meant[] =>
  Array.from(others.get(stemmed) ?? [], (other) => ({ stem: other, weight: WEIGHT }));
