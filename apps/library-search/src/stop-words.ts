/**
 * Words that say nothing about a flow. They are not indexed, except in names, and a query ignores them unless it has no others.
 * The second group is what people say to an assistant before they say what they want.
 */
const ENGLISH = `
  a about above after again all also am an and any are aren't as at be because been before being below between both but by can
  cannot could did do does doing don't down during each either else ever every few for from further get gets getting got had has
  have having he her here hers herself him himself his how however i i'd i'll i'm i've if in into is isn't it it's its itself just
  let's like may me might more most much must my myself no nor not now of off on once only onto or other our ours ourselves out over
  own per rather s same shall she should since so some still such t than that that's the their theirs them themselves then there
  these they this those though through to too toward under until up upon us very was we were what whatever when where whether which
  while who whom whose why will with within without would yet you your yours yourself`;
const ASKING = `
  anybody anyone anything everybody everyone everything flow flows help kindly let make makes need needs please
  possible really somebody somehow someone something stuff sure tell thing things try want wants way workflow workflows`;

export const STOP_WORDS: ReadonlySet<string> = new Set(
  `${ENGLISH} ${ASKING}`
    .trim()
    .split(/\s+/)
    .map((word) => word.replaceAll("'", '')),
);
