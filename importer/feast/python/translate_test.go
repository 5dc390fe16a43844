package python_test

import (
	"strings"
	"testing"

	"larder/importer/feast/python"
	"larder/schema"
)

var inputs = map[string]python.Column{
	"a": {Ref: "v.a", Type: schema.Float64}, "b": {Ref: "v.b", Type: schema.Float32}, "n": {Ref: "v.n", Type: schema.Int64},
	"m": {Ref: "request.m", Type: schema.Int32}, "s": {Ref: "v.s", Type: schema.String}, "t": {Ref: "request.t", Type: schema.String},
	"yes": {Ref: "v.yes", Type: schema.Bool}, "at": {Ref: "v.at", Type: schema.Timestamp}, "list": {Ref: "v.list", Type: schema.List(schema.Float64)},
	"v__a": {Ref: "v.a", Type: schema.Float64},
}

// pandas puts an expression into a function of mode pandas.
func pandas(expr string) python.Function {
	return python.Function{
		Source:  "@on_demand_feature_view(sources=[x], schema=[Field(name=\"out\", dtype=Float64)])\ndef f(df: pd.DataFrame) -> pd.DataFrame:\n    out = pd.DataFrame()\n    out[\"out\"] = " + expr + "\n    return out\n",
		Columns: inputs,
	}
}

func single(expr string) python.Function {
	return python.Function{Source: "def f(inputs):\n  return {'out': " + expr + "}", Mode: "python", Singleton: true, Columns: inputs}
}

func each(expr string) python.Function {
	return python.Function{Source: "def f(inputs):\n  return {'out': " + expr + "}", Mode: "python", Columns: inputs}
}

func TestExpressions(t *testing.T) {
	f := func(function python.Function, typ schema.Type, want string) {
		t.Helper()
		function.Outputs = map[string]schema.Type{"out": typ}
		drafts, err := python.Translate(function)
		if err != nil {
			t.Errorf("%s\n%v", function.Source, err)
			return
		}
		if got := drafts["out"]; got.Expr != want {
			t.Errorf("%s\ngot  %s\nwant %s", function.Source, got.Expr, want)
		}
	}
	f(pandas(`df["a"]`), schema.Float64, `v.a`)
	f(pandas(`df['v__a']`), schema.Float64, `v.a`)
	f(pandas(`df.a + df.b`), schema.Float64, `v.a + v.b`)
	f(pandas(`df["a"] + df["n"] * 2`), schema.Float64, `v.a + double(v.n * 2)`)
	f(pandas(`df["n"] + df["m"]`), schema.Int32, `v.n + request.m`)
	f(pandas(`df["n"] + df["m"]`), schema.Float32, `double(v.n + request.m)`)
	f(pandas(`(df["a"] - 1) * (df["b"] - 1_000)`), schema.Float64, `(v.a - 1.0) * (v.b - 1000.0)`)
	f(pandas(`df["a"] - (df["b"] - 1.5e3)`), schema.Float64, `v.a - (v.b - 1500.0)`)
	f(pandas(`-df["a"]`), schema.Float64, `-v.a`)
	f(pandas(`df["a"] * -1`), schema.Float64, `v.a * (-1.0)`)
	f(pandas(`df["n"] / 100`), schema.Float64, `double(v.n) / 100.0`)
	f(pandas(`df["a"] / df["n"] + 1`), schema.Float64, `cel.bind(x, (v.a / double(v.n)) + 1.0, math.isNaN(x) ? optional.none() : optional.of(x))`)
	f(pandas(`(df["a"] / df["b"]).fillna(0)`), schema.Float64, `has(v.a) && has(v.b) ? cel.bind(x, v.a / v.b, math.isNaN(x) ? 0.0 : x) : 0.0`)
	f(pandas(`df["a"] / df["b"] > 1`), schema.Bool, `has(v.a) && has(v.b) && (v.a / v.b) > 1.0`)
	f(pandas(`-df["n"] ** 2`), schema.Int64, `-(v.n * v.n)`)
	f(pandas(`np.maximum(df["a"], df["n"])`), schema.Float64, `math.greatest(v.a, double(v.n))`)
	f(pandas(`np.sqrt(df["n"])`), schema.Float64, `cel.bind(x, math.sqrt(double(v.n)), math.isNaN(x) ? optional.none() : optional.of(x))`)
	f(pandas(`df["s"] + "x" + df["t"]`), schema.String, `(v.s + "x") + request.t`)
	f(pandas(`df["a"] > 1`), schema.Bool, `has(v.a) && v.a > 1.0`)
	f(pandas(`df["n"] != df["m"]`), schema.Bool, `has(v.n) && has(request.m) ? v.n != request.m : true`)
	f(pandas(`(df["a"] > 1) & ~(df["s"] == "x")`), schema.Bool, `(has(v.a) && v.a > 1.0) && !(has(v.s) && v.s == "x")`)
	f(pandas(`((df["a"] > 1) | (df["b"] < 2)).astype(int)`), schema.Int64, `((has(v.a) && v.a > 1.0) || (has(v.b) && v.b < 2.0)) ? 1 : 0`)
	f(pandas(`(df["a"] > 1).astype("float64")`), schema.Float64, `(has(v.a) && v.a > 1.0) ? 1.0 : 0.0`)
	f(pandas(`df["a"].fillna(0)`), schema.Float64, `has(v.a) ? v.a : 0.0`)
	f(pandas(`df["n"].fillna(0) + 1`), schema.Int64, `(has(v.n) ? v.n : 0) + 1`)
	f(pandas(`(df["n"] + df["m"]).fillna(0.5)`), schema.Float64, `has(v.n) && has(request.m) ? double(v.n + request.m) : 0.5`)
	f(pandas(`df["n"].astype(float)`), schema.Float64, `double(v.n)`)
	f(pandas(`df["a"].abs() + abs(df["b"])`), schema.Float64, `math.abs(v.a) + math.abs(v.b)`)
	f(pandas(`np.where(df["a"] > 0, df["a"], 0)`), schema.Float64, `(has(v.a) && v.a > 0.0) ? v.a : 0.0`)
	f(pandas(`df["a"].isnull()`), schema.Bool, `!has(v.a)`)
	f(pandas(`df["yes"]`), schema.Bool, `v.yes`)
	f(pandas(`df["at"]`), schema.Timestamp, `v.at`)
	f(pandas(`df["list"]`), schema.List(schema.Float64), `v.list`)

	f(single(`inputs["a"] * 2`), schema.Float64, `v.a * 2.0`)
	f(single(`inputs["a"] / inputs["b"]`), schema.Float64, `v.a / v.b`)
	f(single(`inputs["a"] if inputs["a"] is not None else 0`), schema.Float64, `has(v.a) ? v.a : 0.0`)
	f(single(`1 if inputs["a"] > 1 and not inputs["s"] == "x" else 0`), schema.Int64, `((has(v.a) && v.a > 1.0) && !(has(v.s) && v.s == "x")) ? 1 : 0`)
	f(single(`(inputs["n"] or 0) + 1`), schema.Int64, `(has(v.n) ? v.n : 0) + 1`)
	f(single(`float(inputs["n"])`), schema.Float64, `double(v.n)`)
	f(single(`1`), schema.Int64, `1`)
	f(each(`[x * 2 for x in inputs["a"]]`), schema.Float64, `v.a * 2.0`)
	f(each(`[x + y for x, y in zip(inputs["a"], inputs["n"])]`), schema.Float64, `v.a + double(v.n)`)
	f(each(`[x + y for x, y in zip(inputs["a"], inputs["n"], strict=True)]`), schema.Float64, `v.a + double(v.n)`)
	f(each(`inputs["a"]`), schema.Float64, `v.a`)
}

func TestStatements(t *testing.T) {
	f := func(source, mode string, want string) {
		t.Helper()
		drafts, err := python.Translate(python.Function{Source: source, Mode: mode, Columns: inputs, Outputs: map[string]schema.Type{"out": schema.Float64}})
		if err != nil || drafts["out"].Expr != want {
			t.Errorf("%s\n%v, %v; want %s", source, drafts, err, want)
		}
	}
	f("def f(x):\n  \"\"\"Says\n  what.\"\"\"\n  import pandas as pd\n\n  a = x['a']  # a comment\n  b = a + 1; c = b * a\n  df = x.copy()\n  df['out'] = (c\n     - 1)\n  return df\n", "pandas", "((v.a + 1.0) * v.a) - 1.0")
	f("    def f(x):\n        return pd.DataFrame({'out': x['a'] + 1})", "", "v.a + 1.0")
	f("def f(x: Dict[str, Any]) -> Dict[str, Any]:\r\n  y: list = [a + 1 for a in x['a']]\r\n  out = {}\r\n  out['out'] = y\r\n  return out", "python", "v.a + 1.0")
	f("@odfv(\n  description='a \\'b', mode=\"python\",\n)\ndef f(inputs: Dict[str, Any]) -> Dict[str, Any]:\n    output: Dict[str, Any] = {\n        \"out\": [\n            a + val_to_add\n            for a, val_to_add in zip(\n                inputs[\"a\"], inputs[\"b\"]\n            )\n        ],\n    }\n    return output\n", "python", "v.a + v.b")
	f("def f(x):\n  x['a'] = x['a'] + 1\n  x['out'] = x['a'] * 2\n  return x", "pandas", "(v.a + 1.0) * 2.0")
	f("def f(x):\n  df = pd.DataFrame()\n  df['c'] = x['a'] + 1\n  df['out'] = df['c'] * 2\n  return df", "pandas", "(v.a + 1.0) * 2.0")
	f("def f(x):\n  df = pd.DataFrame()\n  df['out'] = x['a'] \\\n    + 1\n  return df", "pandas", "v.a + 1.0")
}

func TestFails(t *testing.T) {
	f := func(function python.Function, want string) {
		t.Helper()
		function.Outputs = map[string]schema.Type{"out": schema.Float64}
		drafts, err := python.Translate(function)
		if got := drafts["out"]; err != nil || got.Fails != want {
			t.Errorf("%s\n%+v, %v; want %q", function.Source, got, err, want)
		}
	}
	f(pandas(`df["a"] / df["b"]`), "")
	f(pandas(`-df["a"]`), "a value is null")
	f(single(`inputs["a"] / inputs["b"]`), "a value is null or a divisor is 0")
	f(single(`inputs["a"] / 2`), "a value is null")
	f(single(`inputs["a"] + 1`), "a value is null")
	f(single(`1.5`), "")
}

func TestWhatIsNotRead(t *testing.T) {
	f := func(function python.Function, typ schema.Type, want string) {
		t.Helper()
		function.Outputs = map[string]schema.Type{"out": typ}
		drafts, err := python.Translate(function)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.500s\n%v, %v; want an error with %q", function.Source, drafts, err, want)
		}
	}
	f(pandas(`df["a"].apply(lambda x: x)`), schema.Float64, "lambda")
	f(pandas(`df["a"].rolling(3).mean()`), schema.Float64, "is not read")
	f(pandas(`df["a"] ** 3`), schema.Float64, "** is read with 2 only")
	f(pandas(`df["a"] ** 2 ** 2`), schema.Float64, "** is read with 2 only")
	f(pandas(`df["a"] ** -2`), schema.Float64, "** is read with 2 only")
	f(pandas(`np.sqrt(2)`), schema.Float64, "np.sqrt is read of a column")
	f(pandas(`np.maximum(df["a"], df["b"] / df["a"])`), schema.Float64, "without a division")
	f(pandas(`np.maximum(df["a"], df["s"])`), schema.Float64, "columns of numbers only")
	f(pandas(`df["a"] % 2`), schema.Float64, "% is not read")
	f(pandas(`df["a"] // 2`), schema.Float64, "// is not read")
	f(pandas(`df["a"] / 0`), schema.Float64, "division by 0")
	f(pandas(`df["z"]`), schema.Float64, `"z" is not one feature`)
	f(pandas(`other + df["a"]`), schema.Float64, "other is not defined")
	f(pandas(`df["a"]`), schema.Int64, "it is float64 where the feature is int64")
	f(pandas(`df["a"]`), schema.String, "it is float64")
	f(pandas(`1`), schema.Int64, "constant")
	f(pandas(`df["yes"] & (df["a"] > 1)`), schema.Bool, "between comparisons only")
	f(pandas(`(df["a"] > 1) and (df["b"] > 1)`), schema.Bool, "in this mode")
	f(pandas(`1 < df["a"] < 2`), schema.Bool, "chain")
	f(pandas(`df["a"] if df["b"] else 1`), schema.Float64, "is not read")
	f(pandas(`df["yes"] + 1`), schema.Int64, "bool + int64")
	f(pandas(`df[["a"]]`), schema.Float64, "columns by their names")
	f(pandas(`f"{x}"`), schema.String, "not read here")
	f(pandas(`0x10 + df["n"]`), schema.Int64, "0x10")
	f(pandas(`np.where(df["yes"], 1, 0)`), schema.Int64, "a condition is read if it is a comparison")
	f(pandas(`"a\n" + df["s"]`), schema.String, "not read here")
	f(pandas(`__import__("os").system("touch x")`), schema.Float64, "is not read")
	f(each(`inputs["a"] + inputs["b"]`), schema.Float64, "has no arithmetic of its elements")
	f(each(`[x for x in inputs["a"] if x]`), schema.Float64, "not read here")
	f(each(`[1 for x in range(3)]`), schema.Float64, "not read")
	f(each(`[x for x, y in zip(inputs["a"])]`), schema.Float64, "a variable for each column")
	f(each(`3`), schema.Int64, "not one value for each row")
	f(single(`inputs["a"] == inputs["b"]`), schema.Bool, "both be null")
	f(single(`inputs.get("a")`), schema.Float64, "is not read")

	source := func(text string) python.Function { return python.Function{Source: text, Columns: inputs} }
	f(source(""), schema.Float64, "begins with def")
	f(source("f = lambda x: x"), schema.Float64, "begins with def")
	f(source("def f(x): return x"), schema.Float64, "lines of its own")
	f(source("def f(x, y):\n  return x"), schema.Float64, "one parameter")
	f(source("def f(*x):\n  return x"), schema.Float64, "one parameter")
	f(source("def f(x=1):\n  return x"), schema.Float64, "one parameter")
	f(source("def f(x):\n  for y in x:\n    pass\n  return x"), schema.Float64, "line 2: a statement that begins with for")
	f(source("def f(x):\n  x['out'] += 1\n  return x"), schema.Float64, "only assignments")
	f(source("def f(x):\n  pass"), schema.Float64, "returns nothing")
	f(source("def f(x):\n  return 1"), schema.Float64, "a table or a mapping")
	f(source("def f(x):\n  return pd.DataFrame()"), schema.Float64, "doesn't return out")
	f(source("def f(x):\n  return x\ndef g(x):\n  return x"), schema.Float64, "after the function")
	f(source("def f(x):\n  pd = x\n  return x"), schema.Float64, "named like a module")
	f(source("def f(x):\n  from evil import where as np\n  return x"), schema.Float64, "another meaning to np")
	f(source("def f(x):\n  return x['a"), schema.Float64, "not closed")
	f(source("def f(x):\n  return (x"), schema.Float64, "not closed")
	f(source("def f(x):\n    a = x['a']\n  b = 1\n  return x"), schema.Float64, "indentation")
	f(source("def f(x):\n  return "+strings.Repeat("(", 1000)+"x"+strings.Repeat(")", 1000)), schema.Float64, "nested too deeply")
	f(source("def f(x):\n  return x"+strings.Repeat(".copy()", 1000)), schema.Float64, "nested too deeply")
	f(source("def f(x):\n  return "+strings.Repeat("-", 1000)+"x"), schema.Float64, "nested too deeply")
	f(source("def f(x):\n  return "+strings.Repeat("not ", 1000)+"x"), schema.Float64, "nested too deeply")
	f(source(strings.Repeat("#", python.MaxBytes+1)), schema.Float64, "more than")
	f(source("def f(x):\n  a = x['a']\n"+strings.Repeat("  a = a + a\n", 64)+"  x['out'] = a\n  return x"), schema.Float64, "too long")
	f(python.Function{Source: "def f(x):\n  return x", Mode: "substrait"}, schema.Float64, "mode substrait")
}

func FuzzTranslate(f *testing.F) {
	for _, expr := range []string{`df["a"] + 1`, `np.where(df["a"] > 0, df["a"].fillna(0), -df["n"] / 2.5)`, `(df["s"] == "x") & ~(df.n <= 3)`} {
		f.Add(pandas(expr).Source, false)
	}
	f.Add(single(`1 if inputs["a"] is not None and not inputs["n"] == 2 else float(inputs["n"] or 0)`).Source, true)
	f.Add(each(`[x + y for (x, y) in zip(inputs["a"], inputs["n"])]`).Source, true)
	f.Fuzz(func(t *testing.T, source string, asPython bool) {
		for _, singleton := range []bool{false, true} {
			function := python.Function{Source: source, Columns: inputs, Outputs: map[string]schema.Type{"out": schema.Float64}, Singleton: singleton}
			if asPython {
				function.Mode = "python"
			}
			drafts, err := python.Translate(function)
			if err == nil && (drafts["out"].Expr == "" || len(drafts["out"].Expr) > 2*schema.MaxExprBytes) {
				t.Fatalf("%q: %v", source, drafts)
			}
		}
	})
}
