package schema_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/schema"
)

// folder returns the definitions of a project as its folder writes them. It reads entities of
// other projects.
func folder(t *testing.T, project string, reads ...string) *schema.Definitions {
	t.Helper()
	entities := []string{"customer"}
	for _, other := range reads {
		entities = append(entities, other+"/customer")
	}
	var views []string
	for i, entity := range entities {
		views = append(views, fmt.Sprintf(`{"name":"v%d","entities":["%s"],"source":"s","features":[{"name":"a","type":"float64"}]}`, i, entity))
	}
	text := fmt.Sprintf(`{"project":"%s","entities":[{"name":"customer","join_keys":[{"name":"%[1]s_id","type":"int64"}]}],
		"sources":[{"name":"s","table":"t","timestamp_field":"at"}],"feature_views":[%s],
		"on_demand_views":[{"name":"o","sources":["v0"],"features":[{"name":"x","type":"float64","expr":"v0.a + 1.0"}]}],
		"feature_services":[{"name":"all","request":[{"name":"r","type":"int64"}],"features":["v0:*","o:x","request:r"]}],
		"models":[{"name":"m","feature_service":"all","versions":[{"version":1,"sha256":"%s"}],"inputs":[{"name":"in","features":["v0:a","x"]}],
			"log":{"rate":1},"labels":{"source":"s","request_id":"id","label":{"name":"y","type":"bool"}}}]}`,
		project, strings.Join(views, ","), strings.Repeat("0a", 32))
	defs := new(schema.Definitions)
	if err := json.Unmarshal([]byte(text), defs); err != nil {
		t.Fatal(err)
	}
	return defs
}

func qualified(t *testing.T, project string, reads ...string) *schema.Definitions {
	t.Helper()
	defs := folder(t, project, reads...)
	defs.Qualify()
	if err := defs.ValidateFolder(); err != nil {
		t.Fatal(err)
	}
	return defs
}

// TestLocalUndoesQualify: what a folder says comes back as it was written.
func TestLocalUndoesQualify(t *testing.T) {
	for _, project := range []string{"default", "risk"} {
		written := folder(t, project, "core", "default")
		if project == "default" {
			written = folder(t, project, "core")
			written.Project = "" // which means the same
		}
		defs := folder(t, project, "core", "default")
		if project == "default" {
			defs = folder(t, project, "core")
		}
		defs.Qualify()
		local, err := defs.Local()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(written, local); diff != "" {
			t.Errorf("project %s (-want +got):\n%s", project, diff)
		}
		local.Qualify()
		if diff := cmp.Diff(defs, local); diff != "" {
			t.Error(diff)
		}
	}
}

// TestProjectsInAnyOrder: whatever the order in which folders are applied, and however often,
// the same is defined, and each project is what its folder says.
func TestProjectsInAnyOrder(t *testing.T) {
	projects := []string{"default", "core", "risk", "a"}
	folders := map[string]*schema.Definitions{}
	for i, p := range projects {
		folders[p] = qualified(t, p, projects[:i]...)
	}
	var want string
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		all := new(schema.Definitions)
		order := slices.Concat(projects, projects)
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, p := range order {
			all = all.WithProject(folders[p])
		}
		if err := all.Validate(); err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = all.Fingerprint()
		}
		if got := all.Fingerprint(); got != want {
			t.Fatalf("applied as %v, the fingerprint is %s, not %s", order, got, want)
		}
		for _, p := range projects {
			if diff := cmp.Diff(folders[p], all.Folder(p)); diff != "" {
				t.Fatalf("project %s (-want +got):\n%s", p, diff)
			}
		}
	}
}

// TestFoldersDefineNothingElsewhere: no name of a folder reaches the definitions of another
// project.
func TestFoldersDefineNothingElsewhere(t *testing.T) {
	f := func(project, name string) {
		t.Helper()
		defs := &schema.Definitions{Project: project, Entities: []schema.Entity{{Name: name, JoinKeys: []schema.JoinKey{{Name: "k", Type: schema.Int64}}}}}
		defs.Qualify()
		if err := defs.ValidateFolder(); err == nil {
			t.Errorf("a folder of project %q defines %q, as %q", project, name, defs.Entities[0].Name)
		}
	}
	for _, name := range []string{"core/x", "default/x", "core/", "/x", "/", "a/b/c", "risk//x", "risk/x/y", "default/core/x", "../x", "risk/../x", "x\x00/y", "risk/x:y"} {
		f("risk", name)
	}
	for _, name := range []string{"core/x", "/x", "default/core/x", "default/default/x", "default/", "x/"} {
		f("", name)
		f("default", name)
	}
	for _, project := range []string{"a/b", "..", " ", "-", "ri sk", "default/x", strings.Repeat("a", 129)} {
		f(project, "x")
	}
}

func TestCheckUses(t *testing.T) {
	core, risk := qualified(t, "core"), qualified(t, "risk", "core")
	all := new(schema.Definitions).WithProject(core).WithProject(risk)
	if err := all.CheckUses("core"); err != nil {
		t.Fatal(err)
	}
	without := all.WithProject(&schema.Definitions{Project: "core"})
	err := without.CheckUses("core")
	const want = "other projects read what this apply leaves out:\nfeature view risk/v1 of project risk reads entity core/customer\nkeep it until their teams have applied without it"
	if err == nil || err.Error() != want {
		t.Errorf("%v; want %s", err, want)
	}
	if err := without.CheckUses("risk"); err != nil {
		t.Errorf("an apply of risk is refused for what core did: %v", err)
	}
	if got := risk.Foreign(); len(got) != 1 || got[0] != (schema.Reference{Kind: schema.KindEntity, Name: "core/customer"}) {
		t.Errorf("risk uses %v", got)
	}
}

// TestSlotsAreTheirOwn: no stream reads the slot of another's, nor appends to another's log,
// however it is written.
func TestSlotsAreTheirOwn(t *testing.T) {
	stream := func(name, slot, log string) schema.Stream {
		return schema.Stream{Name: name, PostgresCDC: &schema.CDCSource{Table: "public.t", Slot: slot}, Log: schema.StreamLog{Table: log}}
	}
	f := func(want string, streams ...schema.Stream) {
		t.Helper()
		err := (&schema.Definitions{Streams: streams}).Validate()
		if said := fmt.Sprint(err); strings.Contains(said, "replication slot") != strings.Contains(want, "slot") || strings.Contains(said, "one log table") != strings.Contains(want, "log") {
			t.Errorf("%v; want %q", err, want)
		}
	}
	core := stream("core/payments", "", "payments_log")
	f("", core, stream("risk/payments", "", "other"))
	f("slot", core, stream("risk/payments", core.CDCSlot(), "other"))
	f("slot", stream("A", "", "a"), stream("a", "", "b"))
	f("log", core, stream("risk/payments", "", "public.payments_log"))
	if slot := core.CDCSlot(); !strings.HasPrefix(slot, "larder_core_payments_") || len(slot) > 63 {
		t.Errorf("the slot is %q", slot)
	}
	if long := stream(strings.Repeat("p", 128)+"/"+strings.Repeat("s", 128), "", "x"); len(long.CDCSlot()) > 63 || len(long.CDCPublication()) > 63 {
		t.Errorf("%q and %q are longer than Postgres's names", long.CDCSlot(), long.CDCPublication())
	}
}
