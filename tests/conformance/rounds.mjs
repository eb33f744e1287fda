// What only 2026-07-28 has: answers that ask first (`input_required`), mirrored arguments, and changes
// that subscribers hear of.

const PAUSE_MS = 20;
const text = (words) => ({ content: [{ type: 'text', text: words }] });

export function addRounds(sdk, server, state, { toolsChanged, promptsChanged }) {
  const nothing = sdk.fromJsonSchema({ type: 'object', properties: {} });
  const tool = (name, description, call, inputSchema = nothing) =>
    server.registerTool(name, { description, inputSchema }, call);

  const ask = (message, field, type = 'string') =>
    sdk.inputRequired.elicit({
      message,
      requestedSchema: { type: 'object', properties: { [field]: { type } }, required: [field] },
    });
  const sample = (words, maxTokens) =>
    sdk.inputRequired.createMessage({
      messages: [{ role: 'user', content: { type: 'text', text: words } }],
      maxTokens,
    });
  const accepted = (ctx, key) => sdk.acceptedContent(ctx.mcpReq.inputResponses, key);
  const answer = (ctx, key) => sdk.inputResponse(ctx.mcpReq.inputResponses, key);
  const declared = (ctx) => ctx.mcpReq.envelope?.[sdk.CLIENT_CAPABILITIES_META_KEY] ?? {};

  tool('test_input_required_result_elicitation', 'Asks for a name', (_, ctx) => {
    const name = accepted(ctx, 'user_name')?.name;
    if (typeof name === 'string') return text(`Hello, ${name}!`);
    return sdk.inputRequired({ inputRequests: { user_name: ask('What is your name?', 'name') } });
  });

  tool('test_input_required_result_sampling', 'Asks the model of the client', (_, ctx) => {
    const given = answer(ctx, 'capital_question');
    if (given.kind === 'sampling') return text(given.result.content.text);
    const capital_question = sample('What is the capital of France?', 100);
    return sdk.inputRequired({ inputRequests: { capital_question } });
  });

  tool('test_input_required_result_list_roots', 'Asks for roots', (_, ctx) => {
    const given = answer(ctx, 'client_roots');
    if (given.kind === 'roots') return text(given.roots.map((root) => root.uri).join(' '));
    return sdk.inputRequired({ inputRequests: { client_roots: sdk.inputRequired.listRoots() } });
  });

  for (const name of ['request_state', 'tampered_state']) {
    tool(`test_input_required_result_${name}`, 'Asks with a sealed state', async (_, ctx) => {
      if (ctx.mcpReq.requestState()?.asked && accepted(ctx, 'confirm')) return text('state-ok');
      return sdk.inputRequired({
        inputRequests: { confirm: ask('Please confirm', 'ok', 'boolean') },
        requestState: await state.mint({ asked: true }, ctx),
      });
    });
  }

  tool('test_input_required_result_multiple_inputs', 'Asks three things', async (_, ctx) => {
    const name = accepted(ctx, 'user_name')?.name;
    const greeting = answer(ctx, 'greeting');
    const roots = answer(ctx, 'client_roots');
    if (name && greeting.kind === 'sampling' && roots.kind === 'roots') {
      return text(`${greeting.result.content.text} ${name} of ${roots.roots.length}`);
    }
    return sdk.inputRequired({
      inputRequests: {
        user_name: ask('What is your name?', 'name'),
        greeting: sample('Generate a greeting', 50),
        client_roots: sdk.inputRequired.listRoots(),
      },
      requestState: await state.mint({}, ctx),
    });
  });

  tool('test_input_required_result_multi_round', 'Asks twice', async (_, ctx) => {
    const known = ctx.mcpReq.requestState() ?? {};
    const name = known.name ?? accepted(ctx, 'step1')?.name;
    const color = known.name && accepted(ctx, 'step2')?.color;
    if (name && color) return text(`${name} likes ${color}`);
    const inputRequests = name
      ? { step2: ask('Step 2: What is your favorite color?', 'color') }
      : { step1: ask('Step 1: What is your name?', 'name') };
    return sdk.inputRequired({ inputRequests, requestState: await state.mint({ name }, ctx) });
  });

  tool('test_input_required_result_capabilities', 'Asks what the client can answer', (_, ctx) => {
    const { elicitation, sampling } = declared(ctx);
    const inputRequests = {
      ...(elicitation && { user_name: ask('What is your name?', 'name') }),
      ...(sampling && { greeting: sample('Generate a greeting', 50) }),
    };
    return Object.keys(inputRequests).length > 0
      ? sdk.inputRequired({ inputRequests })
      : text('nothing to ask');
  });

  server.registerPrompt('test_input_required_result_prompt', { description: 'Asks for context' }, (ctx) => {
    const context = accepted(ctx, 'user_context')?.context;
    if (context === undefined) {
      const user_context = ask('What context should the prompt use?', 'context');
      return sdk.inputRequired({ inputRequests: { user_context } });
    }
    return { messages: [{ role: 'user', content: { type: 'text', text: context } }] };
  });

  // The library refuses to ask a client for what that has not declared.
  tool('test_missing_capability', 'Needs sampling', (_, ctx) => {
    if (answer(ctx, 'word').kind === 'sampling') return text('done');
    return sdk.inputRequired({ inputRequests: { word: sample('Say a word', 10) } });
  });

  tool('test_streaming_elicitation', 'Asks on a stream', async (_, ctx) => {
    await ctx.mcpReq.log('info', 'about to ask');
    return sdk.inputRequired({ inputRequests: { user_name: ask('What is your name?', 'name') } });
  });

  // By name of the kind; told a little later, as a change in the world would be.
  const changes = { tool: toolsChanged, prompt: promptsChanged };
  for (const [kind, tell] of Object.entries(changes)) {
    tool(`test_trigger_${kind}_change`, `Says that ${kind}s have changed`, () => {
      setTimeout(tell, PAUSE_MS);
      return text('changed');
    });
  }

  tool(
    'test_mirrored_arguments',
    'Has an argument that is a header too',
    ({ region }) => text(region),
    sdk.fromJsonSchema({
      type: 'object',
      properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
      required: ['region'],
    }),
  );
}
