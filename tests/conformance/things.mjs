// What both servers offer: the tools, resources and prompts that the conformance suite asks for by
// name. A tool gets `talk`, which says in the words of one SDK what a tool may say while it runs.

/** A picture of one pixel. */
const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
/** A sound without samples. */
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=';
const PAUSE_MS = 50;

const pause = () => new Promise((wake) => setTimeout(wake, PAUSE_MS));
const text = (words) => ({ type: 'text', text: words });
const said = (...content) => ({ content });
const nothing = { type: 'object', properties: {} };
const one = (name) => ({
  type: 'object',
  properties: { [name]: { type: 'string' } },
  required: [name],
});

const embedded = (uri, mimeType, words) => ({
  type: 'resource',
  resource: { uri, mimeType, text: words },
});

const defaults = {
  type: 'object',
  properties: {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
  },
};

const titled = (value, title) => ({ const: value, title });
const enums = {
  type: 'object',
  properties: {
    untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    titledSingle: {
      type: 'string',
      oneOf: [titled('value1', 'First Option'), titled('value2', 'Second Option'), titled('value3', 'Third Option')],
    },
    legacyEnum: {
      type: 'string',
      enum: ['opt1', 'opt2', 'opt3'],
      enumNames: ['Option One', 'Option Two', 'Option Three'],
    },
    untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
    titledMulti: {
      type: 'array',
      items: {
        anyOf: [titled('value1', 'First Choice'), titled('value2', 'Second Choice'), titled('value3', 'Third Choice')],
      },
    },
  },
};

const person = {
  type: 'object',
  properties: { username: { type: 'string' }, email: { type: 'string' } },
  required: ['username', 'email'],
};

/** Keywords of JSON Schema 2020-12 that a careless reader drops. */
const keywords = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};

async function asked(talk, message, schema) {
  const { action, content } = await talk.elicit(message, schema);
  return said(text(`action=${action}, content=${JSON.stringify(content ?? {})}`));
}

/** name: [description, input schema, what it does] */
export const tools = {
  test_simple_text: ['Says something', nothing, () => said(text('This is a simple text response for testing.'))],
  test_image_content: ['Shows a picture', nothing, () => said({ type: 'image', data: PNG, mimeType: 'image/png' })],
  test_audio_content: ['Plays a sound', nothing, () => said({ type: 'audio', data: WAV, mimeType: 'audio/wav' })],
  test_embedded_resource: [
    'Hands out a resource',
    nothing,
    () => said(embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')),
  ],
  test_multiple_content_types: [
    'Text, picture and resource',
    nothing,
    () =>
      said(
        text('Multiple content types test:'),
        { type: 'image', data: PNG, mimeType: 'image/png' },
        embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
      ),
  ],
  test_tool_with_logging: [
    'Logs while it works',
    nothing,
    async (_, talk) => {
      await talk.log('Tool execution started');
      await pause();
      await talk.log('Tool processing data');
      await pause();
      await talk.log('Tool execution completed');
      return said(text('logged'));
    },
  ],
  test_logging_tool: [
    'Logs once, to those who asked',
    nothing,
    async (_, talk) => {
      await talk.log('logged');
      return said(text('done'));
    },
  ],
  test_error_handling: [
    'Fails',
    nothing,
    () => {
      throw new Error('This tool intentionally returns an error for testing');
    },
  ],
  test_tool_with_progress: [
    'Tells how far it is',
    nothing,
    async (_, talk) => {
      for (const done of [0, 50, 100]) {
        await talk.progress(done, 100);
        await pause();
      }
      return said(text('done'));
    },
  ],
  test_sampling: [
    'Asks the model of the client',
    one('prompt'),
    async ({ prompt }, talk) => said(text(`LLM response: ${await talk.sample(prompt)}`)),
  ],
  test_elicitation: ['Asks the user', one('message'), ({ message }, talk) => asked(talk, message, person)],
  test_elicitation_sep1034_defaults: [
    'Asks the user, with answers filled in',
    nothing,
    (_, talk) => asked(talk, 'Review this', defaults),
  ],
  test_elicitation_sep1330_enums: [
    'Asks the user to choose',
    nothing,
    (_, talk) => asked(talk, 'Choose', enums),
  ],
  test_reconnection: [
    'Ends its stream before it answers',
    nothing,
    async (_, talk) => {
      talk.endStream();
      await pause();
      return said(text('answered on another stream'));
    },
  ],
  json_schema_2020_12_tool: ['Keywords of JSON Schema 2020-12', keywords, () => said(text('done'))],
};

/** uri: what the list says, and what reading gives besides the uri */
export const resources = {
  'test://static-text': [
    { name: 'static-text', description: 'A text', mimeType: 'text/plain' },
    { text: 'This is the content of the static text resource.' },
  ],
  'test://static-binary': [
    { name: 'static-binary', description: 'A picture', mimeType: 'image/png' },
    { blob: PNG },
  ],
  'test://watched-resource': [
    { name: 'watched-resource', description: 'A text to subscribe to', mimeType: 'text/plain' },
    { text: 'watched' },
  ],
};

export const template = {
  uri: 'test://template/{id}/data',
  listed: { name: 'template', description: 'Data by id', mimeType: 'application/json' },
  id: (uri) => /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1],
  read: (id) => ({ text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }),
};

const user = (content) => ({ role: 'user', content });

/** name: [description, names of required arguments, messages] */
export const prompts = {
  test_simple_prompt: ['A prompt', [], () => [user(text('This is a simple prompt for testing.'))]],
  test_prompt_with_arguments: [
    'A prompt with two arguments',
    ['arg1', 'arg2'],
    ({ arg1, arg2 }) => [user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))],
  ],
  test_prompt_with_embedded_resource: [
    'A prompt with a resource in it',
    ['resourceUri'],
    ({ resourceUri }) => [
      user(embedded(resourceUri, 'text/plain', 'Embedded resource content for testing.')),
      user(text('Please process the embedded resource above.')),
    ],
  ],
  test_prompt_with_image: [
    'A prompt with a picture in it',
    [],
    () => [user({ type: 'image', data: PNG, mimeType: 'image/png' }), user(text('Please analyze the image above.'))],
  ],
};

/** What an argument of a prompt can begin with. */
export const completions = (value) => ['paris', 'park', 'party'].filter((word) => word.startsWith(value));
