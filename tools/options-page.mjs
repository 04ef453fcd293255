// Writes docs/options.md from the doc comments of the option interfaces: npm run docs:options
// It starts from the type of the module's options and follows `extends` and nested interfaces, so it
// does not matter in which files they are declared.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { format, resolveConfig } from 'prettier';

const LIB = fileURLToPath(new URL('../lib/', import.meta.url));
const PAGE = fileURLToPath(new URL('../docs/options.md', import.meta.url));
const ROOTS = ['JwksModuleOptions', 'JwksModuleExtras'];

/** The sections of the page in their order, by the interface that declares the options, or by the option that groups them. */
const SECTIONS = {
  JwksIssuerOptions: 'Trust',
  JwksMultiIssuerOptions: 'Several issuers',
  JwksSourceOptions: 'Where keys come from',
  JwksTokenOptions: 'Rules for tokens',
  JwksKeepingOptions: 'Limits',
  JwksSharedOptions: 'Start-up and requests',
  JwksModuleExtras: 'The module itself',
  cache: 'Caching',
  refetchLimit: 'Refetch limit',
  http: 'HTTP',
  tokenCache: 'Verified tokens',
  dpop: 'Bound tokens by DPoP',
  'dpop.nonce': 'Nonces of DPoP',
  mtls: 'Bound tokens by mutual TLS',
};

const GUIDES = {
  issuers: '[Several issuers](multiple-issuers.md)',
  source: '[Keys from elsewhere](network.md#keys-from-elsewhere)',
  failover: '[Several places for one set](network.md#several-places-for-one-set)',
  validate: '[Users and revocation](protecting-routes.md#users-and-revocation)',
  scopesFrom: '[Scopes and claims](protecting-routes.md#scopes-and-claims)',
  attach: '[MCP servers](mcp.md#a-server-on-the-mcp-sdk)',
  tokenFrom:
    '[Tokens in cookies](protecting-routes.md#tokens-in-cookies-and-elsewhere) and [Microservices](transports.md#microservices)',
  'cache.store': '[A shared store](shared-store.md)',
  'cache.integrityKey': '[Integrity](shared-store.md#integrity)',
  'cache.staleIfError': '[The four states](caching.md#the-four-states)',
  'refetchLimit.burst': '[Rotation](caching.md#rotation)',
  'http.tls': '[A private CA, a client certificate](network.md#a-private-ca-a-client-certificate)',
  'http.proxy': '[Behind a proxy](network.md#behind-a-proxy)',
  'tokenCache.max': '[Verified tokens](caching.md#verified-tokens)',
  boundTokens: '[Behind a gateway that checks](sender-constrained.md#behind-a-gateway-that-checks)',
  'dpop.required': '[DPoP in five minutes](sender-constrained.md#dpop-in-five-minutes)',
  'dpop.publicUrl': '[The public URL](sender-constrained.md#the-public-url)',
  'dpop.replay': '[The replay store](sender-constrained.md#the-replay-store)',
  'dpop.nonce.secret': '[Nonces](sender-constrained.md#nonces)',
  'mtls.certificate': '[Mutual TLS](sender-constrained.md#mutual-tls)',
  'mtls.trustedProxies': '[A proxy](sender-constrained.md#a-proxy)',
};

const INTRODUCTION = `# Options

<!-- Generated from the doc comments in lib/ by npm run docs:options. Do not edit. -->

The options of \`JwksModule.forRoot(options)\` and
[\`forRootAsync\`](protecting-routes.md#asynchronous-options). Every option is checked at start-up; one
that cannot work is a \`JwksConfigurationError\` that names it and says what it takes.

A duration is a number of milliseconds, or text such as \`'10m'\`.

Only \`issuer\` and \`audience\` are required, or [\`issuers\`](#issuers) in place of \`issuer\`. Pass
\`false\` to switch a check off explicitly: \`undefined\`, which is what a missing environment variable
gives, is an error and never "not checked". With \`forRootAsync\`, \`isGlobal\` is given next to
\`useFactory\`, \`useClass\` or \`useExisting\`.
`;

const INTERFACE = /(\/\*\*(?:(?!\*\/)[^])*\*\/\n)?^(?:export )?interface (\w+)(?: extends ([^{]+?))? \{\n([^]*?)^\}/gm;
const MEMBER = /\/\*\*((?:(?!\*\/)[^])*)\*\/\s*(?:readonly )?(\w+)(\?)?((?:\([^]*?\))?):\s+(?:\| )?([^]*?);\n/g;

/** The interfaces of lib/ with their documented members, by name. */
function readInterfaces(sources) {
  const found = [...sources.matchAll(INTERFACE)].map(([, , name, bases = '', body]) => {
    const members = [...body.matchAll(MEMBER)].map(([, comment, member, optional, parameters, type]) => ({
      name: member,
      required: !optional,
      type: parameters ? `${oneLine(parameters)} => ${oneLine(type)}` : oneLine(type),
      ...readComment(comment),
    }));
    return [name, { bases: bases.split(',').map((base) => base.trim()), members }];
  });
  return new Map(found);
}

function readComment(comment) {
  const plain = comment
    .replace(/^\s*\* ?/gm, '')
    .replace(/\{@link (?:\w+\.)?(\w+)\}/g, '`$1`')
    .trim();
  const [text, byDefault] = plain.split(/@default /);
  const paragraphs = text.split(/\n\s*\n/).map(oneLine);
  return { text: paragraphs.filter(Boolean).join('\n\n'), default: byDefault && oneLine(byDefault) };
}

function oneLine(text) {
  return text.replace(/\s+/g, ' ').trim();
}

/** Every option in the order of the page, and the text of each option that groups others. */
function readOptions() {
  const files = readdirSync(LIB, { recursive: true }).filter((path) => path.endsWith('.ts'));
  const sources = files.map((path) => readFileSync(`${LIB}${path}`, 'utf8')).join('\n');
  const interfaces = readInterfaces(sources);
  const options = new Map();
  const groups = new Map();
  const take = (name, group) => {
    const declared = interfaces.get(name);
    if (!declared) throw new Error(`lib/ has no interface ${name}`);
    for (const base of declared.bases) if (interfaces.has(base)) take(base, group);
    for (const member of declared.members) {
      const path = group ? `${group}.${member.name}` : member.name;
      if (path in SECTIONS) {
        groups.set(path, `\`${path}\`: ${member.text}`);
        take(member.type.replace(/ \| (false|boolean)$/, ''), path);
      } else if (!options.has(path)) {
        options.set(path, { ...member, path, section: group ?? name });
      }
    }
  };
  for (const root of ROOTS) {
    const union = new RegExp(`^export type ${root} = ([^;]+);`, 'm').exec(sources)?.[1] ?? root;
    for (const name of union.split('|')) take(name.trim());
  }
  const order = Object.keys(SECTIONS);
  const unknown = [...options.values()].filter(({ section }) => !order.includes(section));
  if (unknown.length > 0) throw new Error(`No section for the options of ${unknown[0].section}`);
  const sorted = [...options.values()].sort((a, b) => order.indexOf(a.section) - order.indexOf(b.section));
  return { options: sorted, groups };
}

export function documentedOptions() {
  return readOptions().options;
}

/** The whole page, formatted. */
export async function optionsPage() {
  const { options, groups } = readOptions();
  const lost = Object.keys(GUIDES).filter((path) => !options.some((option) => option.path === path));
  if (lost.length > 0) throw new Error(`A guide is named for ${lost.join(', ')}, and there is no such option`);
  const sections = Object.entries(SECTIONS).map(([name, title]) => {
    const own = options.filter(({ section }) => section === name);
    if (own.length === 0) throw new Error(`There are no options of ${name}`);
    return [`## ${title}`, groups.get(name), ...own.map(sectionOf)].filter(Boolean).join('\n\n');
  });
  const markdown = [INTRODUCTION, '## At a glance', glance(options), ...sections].join('\n\n');
  return format(markdown, { ...(await resolveConfig(PAGE)), parser: 'markdown' });
}

function glance(options) {
  const rows = options.map((option) => {
    const { path, text } = option;
    const [first] = /^[^]*?\.(?=\s|$)/.exec(text) ?? [text];
    const anchor = path.replaceAll('.', '').toLowerCase();
    return `| [\`${path}\`](#${anchor}) | ${defaultText(option)} | ${oneLine(first).replaceAll('|', '\\|')} |`;
  });
  return ['<!-- prettier-ignore -->', '| option | default | |', '| --- | --- | --- |', ...rows].join('\n');
}

function sectionOf(option) {
  const { path, type, text, required } = option;
  const facts = `Type: \`${type}\`. ${required ? 'Required.' : `Default: ${defaultText(option)}.`}`;
  const guide = GUIDES[path] ? `See ${GUIDES[path]}.` : '';
  return [`### \`${path}\``, facts, text, guide].filter(Boolean).join('\n\n');
}

function defaultText({ required, default: byDefault }) {
  if (required && byDefault === undefined) return 'required';
  if (byDefault === undefined) return 'none';
  return /^(['[{\d]|true$|false$)/.test(byDefault) ? `\`${byDefault}\`` : byDefault;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFileSync(PAGE, await optionsPage());
