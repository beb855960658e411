// Tokenises files with the TextMate grammar of VS Code, in the engine that VS Code uses.
//   node tokens.mjs GRAMMAR CASES.json
// CASES: [{file, tokens: [{line, column, text, want}]}]; want is a scope that each character of the
// token must have (or one of several, `a|b`), or `!scope` for one that it must not. Prints one line per breach.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const oniguruma = require("vscode-oniguruma");
const textmate = require("vscode-textmate");

const [grammarPath, casesPath] = process.argv.slice(2);
const wasm = path.join(path.dirname(require.resolve("vscode-oniguruma")), "onig.wasm");
await oniguruma.loadWASM(fs.readFileSync(wasm).buffer);
const registry = new textmate.Registry({
  onigLib: Promise.resolve({
    createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
    createOnigString: (text) => new oniguruma.OnigString(text),
  }),
  loadGrammar: async () =>
    textmate.parseRawGrammar(fs.readFileSync(grammarPath, "utf8"), "hd.tmLanguage.json"),
});
const grammar = await registry.loadGrammar("source.hd");

function holds(scopes, want) {
  const negative = want.startsWith("!");
  const wanted = (negative ? want.slice(1) : want).split("|");
  const has = wanted.some((w) => scopes.some((s) => s === w || s.startsWith(w + ".")));
  return has !== negative;
}

for (const { file, tokens } of JSON.parse(fs.readFileSync(casesPath, "utf8"))) {
  const byLine = new Map();
  for (const token of tokens) {
    if (!byLine.has(token.line)) byLine.set(token.line, []);
    byLine.get(token.line).push(token);
  }
  let stack = textmate.INITIAL;
  fs.readFileSync(file, "utf8").split("\n").forEach((text, index) => {
    const result = grammar.tokenizeLine(text, stack);
    stack = result.ruleStack;
    for (const token of byLine.get(index + 1) ?? []) {
      const end = token.column - 1 + token.text.length;
      const touched = result.tokens.filter(
        (t) => t.startIndex < end && t.endIndex > token.column - 1,
      );
      const bad = touched.find((t) => !holds(t.scopes, token.want));
      if (bad || touched.length === 0)
        console.log(`${file}:${token.line}:${token.column}: \`${token.text}\` should be ` +
          `${token.want}, is ${bad ? bad.scopes.join(" ") : "nothing"}`);
    }
  });
}
