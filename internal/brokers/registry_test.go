//go:build brokers

package brokers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"larder/internal/brokers"
)

// The registry keeps a schema under a number, as Confluent's does.
func TestTheRegistryKeepsASchema(t *testing.T) {
	url := brokers.NewRegistry(t)
	body := `{"schema": "{\"type\": \"record\", \"name\": \"e\", \"fields\": [{\"name\": \"id\", \"type\": \"long\"}]}"}`
	response, err := http.Post(url+"/subjects/events-value/versions", "application/vnd.schemaregistry.v1+json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var kept struct{ ID int }
	if err := json.NewDecoder(response.Body).Decode(&kept); err != nil || response.StatusCode != http.StatusOK || kept.ID == 0 {
		t.Fatalf("%s, number %d, error %v", response.Status, kept.ID, err)
	}
}
