/** Why packages could not be installed, in words for whoever wrote the flow: which package, and what the installer said last. */
export class InstallFailed extends Error {}

const ONLY_WHEELS =
  'Only wheels are installed: a package that exists as source only is to be built into a wheel first (docs/packages.md).';
const OF_FAULT = /error|cause|because|no matching|not found|hash/i;
const ABOUT_WHEELS = /wheel|no matching distribution|only-binary|building from source/i;
const TEXT_LIMIT = 8_000;

/** `known`: requirements or names of packages. */
export function installFailed(known: readonly string[], what: string, lines: readonly string[]): InstallFailed {
  const said = lines.join('\n').slice(-TEXT_LIMIT);
  const which = culprits(known, lines).join(', ');
  const hint = ABOUT_WHEELS.test(said) ? `\n${ONLY_WHEELS}` : '';
  const last = said === '' ? '' : ` Its last lines:\n${said}`;
  return new InstallFailed(`Could not install ${which}: ${what}.${last}${hint}`);
}

/** Those that the installer's errors name; all of them if it names none. */
function culprits(known: readonly string[], lines: readonly string[]): readonly string[] {
  const faults = lines.filter((line) => OF_FAULT.test(line)).join('\n');
  const named = known.filter((requirement) => {
    const name = nameOf(requirement).replaceAll(/[-_.]+/g, '[-_.]+');
    return new RegExp(`(?<![\\w.-])${name}(?![\\w-])`, 'i').test(faults);
  });
  return named.length > 0 ? named : known;
}

/** `httpx[http2]>=0.27` is of `httpx`. */
const nameOf = (requirement: string): string => /^[\w.-]*\w/.exec(requirement)?.[0] ?? requirement;
