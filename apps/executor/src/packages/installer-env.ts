/**
 * The environment of installers: what says where the index is and how it is reached, and nothing else of the executor's. Secrets of
 * the services (`NATS_URL`, keys) are not among it, and none of it reaches a play.
 */
const PASSED = new Set(
  `PATH HOME LANG TMPDIR XDG_CACHE_HOME XDG_CONFIG_HOME NETRC SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE
  HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy
  PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_NO_INDEX PIP_CONFIG_FILE PIP_TRUSTED_HOST PIP_CERT PIP_CLIENT_CERT PIP_PROXY
  PIP_TIMEOUT PIP_DEFAULT_TIMEOUT PIP_RETRIES PIP_CACHE_DIR
  UV_DEFAULT_INDEX UV_INDEX UV_INDEX_URL UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_NO_INDEX UV_OFFLINE UV_INDEX_STRATEGY UV_INSECURE_HOST
  UV_NATIVE_TLS UV_SYSTEM_CERTS UV_CONFIG_FILE UV_CACHE_DIR UV_HTTP_TIMEOUT UV_HTTP_RETRIES UV_KEYRING_PROVIDER UV_LINK_MODE`.split(
    /\s+/,
  ),
);
/** User and password of one named index. */
const OF_NAMED_INDEX = /^UV_INDEX_[A-Z0-9_]+_(USERNAME|PASSWORD)$/;

export function installerEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => PASSED.has(name) || OF_NAMED_INDEX.test(name)));
}

const USER_INFO = /(\w+:\/\/)[^/\s@]+@/g;

/** Removes the credentials of the index from a text of an installer. */
export function withoutCredentials(env: NodeJS.ProcessEnv): (text: string) => string {
  const passwords = Object.entries(env)
    .flatMap(([name, value = '']) =>
      name.endsWith('_PASSWORD')
        ? [value]
        : [...value.matchAll(/\w+:\/\/[^/\s@:]*:([^/\s@]+)@/g)].map(([, word = '']) => word),
    )
    .filter((word) => word !== '');
  return (text) =>
    passwords.reduce((clean, word) => clean.replaceAll(word, '***'), text.replaceAll(USER_INFO, '$1***@'));
}
