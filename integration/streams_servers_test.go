package integration_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
)

// A crowd is servers of one database that come and go.
type crowd struct {
	t       *testing.T
	servers []*server
	up      []bool
	rand    *rand.Rand
	pushed  int
}

// push pushes one event to some server. Where a server dies meanwhile, the next one gets
// the same push.
func (c *crowd) push() {
	c.t.Helper()
	c.pushed++
	req := &larderv1.PushEventsRequest{
		Stream: "clicks", IdempotencyKey: fmt.Sprint("push ", c.pushed),
		Events: &larderv1.PushEventsRequest_Json{Json: fmt.Appendf(nil, `{"user_id": %d, "one": 1, "at": %d}`, c.pushed%5, time.Now().UnixMicro())},
	}
	eventually(c.t, "server that takes a push", func() bool {
		i := c.rand.IntN(len(c.servers))
		if !c.up[i] {
			return false
		}
		_, err := larderv1.NewStreamServiceClient(c.servers[i].conn).PushEvents(c.t.Context(), req)
		return err == nil
	})
}

// counts returns how many events of both streams a server counts for a user.
func (s *server) counts(user int64) (orders, clicks float64, err error) {
	answer, err := s.serving.GetFeatures(context.Background(), &larderv1.GetFeaturesRequest{
		What:     &larderv1.GetFeaturesRequest_FeatureService{FeatureService: "both"},
		Entities: []*larderv1.Column{int64Column("user_id", user)},
	})
	if err != nil {
		return 0, 0, err
	}
	f := answer.GetFeatures()
	return f[0].GetDoubles().GetValues()[0], f[1].GetDoubles().GetValues()[0], nil
}

// TestServersJoinAndLeaveAStream: three servers of one database start, stop, die and come
// back while events come from Kafka and from pushes. Each event is in the log once, and
// every server counts it once.
func TestServersJoinAndLeaveAStream(t *testing.T) {
	t.Parallel()
	brokers, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer brokers.Close()
	addr := brokers.ListenAddrs()[0]
	producer, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic("orders"), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	db := pgtest.New(t)
	dir := definitionsFolder(t, fmt.Sprintf(`
entities: [{name: user, join_keys: [{name: user_id, type: int64}]}]
streams:
  - name: orders
    kafka: {brokers: [%q], topic: orders}
    log: {table: orders, create: true}
    timestamp_field: at
    fields: [{name: user_id, type: int64}, {name: one, type: float64}, {name: at, type: timestamp, format: epoch_us}]
  - name: clicks
    push: {}
    log: {table: clicks, create: true}
    timestamp_field: at
    fields: [{name: user_id, type: int64}, {name: one, type: float64}, {name: at, type: timestamp, format: epoch_us}]
aggregate_views:
  - {name: ordered, entities: [user], stream: orders, windows: [lifetime], features: [{name: orders, sum: one, default: 0}]}
  - {name: clicked, entities: [user], stream: clicks, windows: [lifetime], features: [{name: clicks, sum: one, default: 0}]}
feature_services: [{name: both, features: ["ordered:*", "clicked:*"]}]
`, addr))
	c := &crowd{t: t, rand: rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))}
	produced := 0
	events := func() {
		t.Helper()
		for range 4 {
			var records []*kgo.Record
			for range 200 {
				produced++
				records = append(records, &kgo.Record{Value: fmt.Appendf(nil, `{"user_id": %d, "one": 1, "at": %d}`, produced%5, time.Now().UnixMicro())})
			}
			if err := producer.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				c.push()
			}
		}
	}
	join := func() {
		c.servers, c.up = append(c.servers, startServer(t, db.DSN)), append(c.up, true)
		if len(c.servers) == 1 {
			c.servers[0].apply(dir)
		}
		events()
	}
	leave := func(i int, kill bool) {
		c.up[i] = false
		if kill {
			c.servers[i].kill()
		} else if code := c.servers[i].terminate(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		events()
	}
	back := func(i int) {
		c.servers[i].start()
		c.up[i] = true
		events()
	}
	join()
	join()
	join()
	leave(0, true) // it reads the source, most likely
	leave(1, false)
	back(0)
	leave(2, true)
	back(1)
	back(2)
	want := func(n int, user int64) float64 { // the numbers 1 to n are shared out among five users
		count := 0
		for i := 1; i <= n; i++ {
			if int64(i%5) == user {
				count++
			}
		}
		return float64(count)
	}
	for i, s := range c.servers {
		for user := range int64(5) {
			var orders, clicks float64
			eventually(t, "server that counts all events", func() bool {
				var err error
				orders, clicks, err = s.counts(user)
				return err == nil && orders >= want(produced, user) && clicks >= want(c.pushed, user)
			})
			if orders != want(produced, user) || clicks != want(c.pushed, user) {
				t.Errorf("server %d, user %d: %v orders and %v clicks, want %v and %v", i, user, orders, clicks, want(produced, user), want(c.pushed, user))
			}
		}
	}
	conn, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var orders, clicks int
	if err := conn.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM clicks)").Scan(&orders, &clicks); err != nil {
		t.Fatal(err)
	}
	if orders != produced || clicks != c.pushed {
		t.Errorf("the logs have %d orders and %d clicks, want %d and %d", orders, clicks, produced, c.pushed)
	}
}
