package integration_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"larder/internal/pgtest"
)

const outputDefinitions = `
entities: [{name: plant, join_keys: [{name: plant_id, type: int64}]}]
sources: [{name: plants, table: plants, timestamp_field: at}]
feature_views:
  - name: leaf
    entities: [plant]
    source: plants
    features:
      - {name: a, type: float32}
      - {name: b, type: float64}
      - {name: c, type: float32}
      - {name: d, type: float32}
      - {name: words, type: list<int64>, default: []}
feature_services:
  - {name: four, features: ["leaf:a", "leaf:b", "leaf:c", "leaf:d"]}
  - {name: words, features: ["leaf:words"]}
models:
  - name: species
    feature_service: four
    versions: [{version: 1, onnx: species.onnx}, {version: 2, onnx: forest.onnx}, {version: 3, onnx: species.onnx}, {version: 4, onnx: species.onnx}]
    serve: 1
    shadow: [3]
    log: {rate: 1}
  - name: attention
    feature_service: words
    inputs: [{name: tokens, features: [words], pad: end, truncate: end}]
    versions: [{version: 1, onnx: attention.onnx}]
    log: {rate: 1}
`

// writeExported writes the models of outputDefinitions into a folder.
func writeExported(t *testing.T, dir string) {
	t.Helper()
	for name, exported := range map[string]string{
		"species.onnx": "sklearn_logistic_three_named_classes_as_tensor", "forest.onnx": "sklearn_forest_three_named_classes", "attention.onnx": "torch_attention",
	} {
		file, err := os.ReadFile(filepath.Join("..", "scoring", "testdata", "exporters", exported+".onnx"))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, dir, name, string(file))
	}
}

// TestOutputs: models of exporters without a score answer their outputs everywhere: on the
// command line, over HTTP, from shadows, in the log's files and table, and to replay.
func TestOutputs(t *testing.T) {
	db := pgtest.New(t)
	const rows = `CREATE TABLE plants (plant_id bigint, at timestamptz, a real, b float8, c real, d real, words bigint[]);
		INSERT INTO plants VALUES (1, '2026-01-01Z', 0.1, 0.5, -1, 2, '{1,2,3}'), (2, '2026-01-01Z', 3, -1, 0.7, 0, '{1,2,3,4,5,6,7,8}'), (3, '2026-01-01Z', -3, NULL, 0.7, 1, NULL)`
	if _, err := db.Pool.Exec(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	log := t.TempDir()
	s := startServer(t, db.DSN, "--feature-log", log, "--feature-log-table")
	dir := definitionsFolder(t, outputDefinitions)
	writeExported(t, dir)
	stdout, stderr, code := s.client("apply", dir, "--yes")
	if want := "model species version 1: answers label string, probabilities float32[high, low, middle], and has no score"; code != 0 || !strings.Contains(stdout, want) {
		t.Fatalf("exit code %d, no %q in\n%s%s", code, want, stdout, stderr)
	}
	if stdout, stderr, code := s.client("materialize", "--full"); code != 0 {
		t.Fatal(stdout, stderr)
	}

	if stdout, stderr, code := s.client("score", "species", "plant_id=1,2", "--outputs", "label"); code != 0 || !strings.Contains(singleSpaced(stdout), "plant_id=1 middle 1 1") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if _, stderr, code := s.client("score", "species", "plant_id=1", "--outputs", "lable"); code != 1 || !strings.Contains(stderr, `no output "lable"; did you mean "label"`) {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	_, _, text := s.ask("POST", "/v1/score", `{"model": "species", "entities": {"plant_id": [1, 2]}, "outputs": ["probabilities", "label"]}`)
	var answer struct {
		Scores  []float64
		Outputs struct {
			Probabilities struct {
				Classes []string
				Values  [][]float64
			}
			Label []string
		}
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err, text)
	}
	for i, shares := range answer.Outputs.Probabilities.Values {
		best := slices.Index(shares, slices.Max(shares))
		if sum := shares[0] + shares[1] + shares[2]; math.Abs(sum-1) > 1e-5 || answer.Outputs.Probabilities.Classes[best] != answer.Outputs.Label[i] {
			t.Errorf("row %d: %v of %v, label %s", i, shares, answer.Outputs.Probabilities.Classes, answer.Outputs.Label[i])
		}
	}
	if len(answer.Scores) != 0 || len(answer.Outputs.Label) != 2 {
		t.Errorf("got %s", text)
	}

	if _, _, text := s.ask("POST", "/v1/score", `{"model": "attention", "entities": {"plant_id": [1, 2, 3]}}`); !strings.Contains(text, `"outputs":{"logits":[[`) {
		t.Errorf("got %s", text)
	}
	status, _, text := s.ask("POST", "/v1/score", `{"model": "attention", "entities": {"plant_id": [1, 2]}, "request": {"leaf:words": [[1], [100]]}}`)
	if status != 409 || !strings.Contains(text, `"MODEL_FAILED"`) || !strings.Contains(text, "row 1: ") || !strings.Contains(text, "idx=100") {
		t.Errorf("status %d: %s", status, text)
	}

	s.splitSpecies()
	for _, source := range []string{log, ""} {
		args := []string{"replay", "--table"}
		if source != "" {
			args = []string{"replay", "--log", source}
			if _, stderr, code := s.client("replay"); code != 0 { // the server finishes its files first
				t.Fatal(stderr)
			}
		}
		stdout, stderr, code := s.client(args...)
		// Four requests of two rows, two of one row and one of three; each row of species in version 3 too.
		for _, want := range []string{"attention 1 3 3 0", "species 3 "} {
			if code != 0 || !strings.Contains(singleSpaced(stdout), want) {
				t.Errorf("%v: exit code %d, no %q in\n%s%s", args, code, want, stdout, stderr)
			}
		}
	}
	var logged string
	if err := db.Pool.QueryRow(t.Context(), `SELECT outputs->>'label' FROM larder.feature_log WHERE model = 'species' AND role = 'shadow' AND outputs IS NOT NULL LIMIT 1`).Scan(&logged); err != nil || logged == "" {
		t.Errorf("label of a shadow %q, %v", logged, err)
	}
	stdout, stderr, code = s.client("models", "compare", "species@1", "species@4", "--log", log)
	if code != 0 || !strings.Contains(stdout, "label") || !strings.Contains(stdout, "have no score") && !strings.Contains(stdout, "only outputs") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

// splitSpecies sends half of the plants to each of two versions with the same outputs, and
// to two whose outputs differ.
func (s *server) splitSpecies() {
	s.t.Helper()
	split := func(second int) (int, string) {
		if _, stderr, code := s.client("models", "traffic", "species", "1=50", fmt.Sprintf("%d=50", second), "--split-by", "plant_id"); code != 0 {
			s.t.Fatal(stderr)
		}
		ids := make([]string, 40)
		for i := range ids {
			ids[i] = fmt.Sprint(i)
		}
		status, _, text := s.ask("POST", "/v1/score", `{"model": "species", "entities": {"plant_id": [`+strings.Join(ids, ",")+`]}}`)
		return status, text
	}
	status, text := split(4)
	if status != 200 || !strings.Contains(text, `"model_versions"`) || strings.Count(text[:strings.Index(text, `"reads"`)], `"middle"`)+strings.Count(text, `"high"`) < 2 {
		s.t.Errorf("status %d: %s", status, text)
	}
	status, text = split(2)
	if status != 400 || !strings.Contains(text, "differ in their outputs") {
		s.t.Errorf("status %d: %s", status, text)
	}
}

// TestScorelessModelsAreRefusedWhereScoresDecide, saying what to write.
func TestScorelessModelsAreRefusedWhereScoresDecide(t *testing.T) {
	db := pgtest.New(t)
	if _, err := db.Pool.Exec(t.Context(), `CREATE TABLE plants (plant_id bigint, at timestamptz, a real, b float8, c real, d real, words bigint[], wilted bool)`); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, db.DSN)
	labelled := strings.Replace(outputDefinitions, "    serve: 1\n", "    serve: 1\n    labels: {source: plants, keys: [plant_id], within: 1d, label: {name: wilted, type: bool}}\n", 1)
	dir := definitionsFolder(t, labelled)
	writeExported(t, dir)
	_, stderr, code := s.client("plan", dir)
	for _, want := range []string{"it has no score, and labels: compares scores", "output: probabilities, column: 2"} {
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("exit code %d, no %q in\n%s", code, want, stderr)
		}
	}
}

// TestRetrieval runs the example of two towers: candidates are rows of one request.
func TestRetrieval(t *testing.T) {
	example := filepath.Join("..", "examples", "retrieval")
	tables, err := os.ReadFile(filepath.Join(example, "tables.sql"))
	if err != nil {
		t.Fatal(err)
	}
	db := pgtest.New(t)
	if _, err := db.Pool.Exec(t.Context(), string(tables)); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, db.DSN)
	if stdout, stderr, code := s.client("apply", filepath.Join(example, "definitions"), "--yes"); code != 0 {
		t.Fatal(stdout, stderr)
	}
	if stdout, stderr, code := s.client("materialize", "--full"); code != 0 {
		t.Fatal(stdout, stderr)
	}
	var likes int
	if err := db.Pool.QueryRow(t.Context(), "SELECT genre FROM users WHERE user_id = 1").Scan(&likes); err != nil {
		t.Fatal(err)
	}
	users, films := make([]int, 24), make([]int, 24)
	for i := range films {
		users[i], films[i] = 1, i+1
	}
	body, err := json.Marshal(map[string]any{"model": "two_tower", "entities": map[string]any{"user_id": users, "film_id": films}, "outputs": []string{"user_vector", "film_vector"}})
	if err != nil {
		t.Fatal(err)
	}
	_, _, text := s.ask("POST", "/v1/score", string(body))
	var answer struct {
		Scores  []float64
		Outputs struct {
			User [][]float64 `json:"user_vector"`
			Film [][]float64 `json:"film_vector"`
		}
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || len(answer.Scores) != len(films) || len(answer.Outputs.Film) != len(films) {
		t.Fatal(err, text)
	}
	for i, score := range answer.Scores {
		dot := 0.0
		for k := range answer.Outputs.User[i] {
			dot += answer.Outputs.User[i][k] * answer.Outputs.Film[i][k]
		}
		if math.Abs(dot-score) > 1e-5 {
			t.Errorf("film %d has the score %v; the cosine of the vectors is %v", films[i], score, dot)
		}
	}
	slices.SortFunc(films, func(a, b int) int { return cmp.Compare(answer.Scores[b-1], answer.Scores[a-1]) })
	var ofGenre int
	if err := db.Pool.QueryRow(t.Context(), "SELECT count(*) FROM films WHERE genre = $1 AND film_id = ANY($2)", likes, films[:5]).Scan(&ofGenre); err != nil || ofGenre < 4 {
		t.Errorf("of the best five films %v, %d are of the genre that the user watches, %v", films[:5], ofGenre, err)
	}
}
