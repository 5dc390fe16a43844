package feast_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// BenchmarkGetOnlineFeatures reads features over HTTP on the loopback, in turns with a bare
// net/http server that sends answers of the same size: x-echo is the ratio of their times.
func BenchmarkGetOnlineFeatures(b *testing.B) {
	s := open(b, false)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4, DisableCompression: true}}
	post := func(url string, body []byte) []byte {
		resp, err := client.Post(url, "application/json", bytes.NewReader(body))
		s.check(err)
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		s.check(err)
		if resp.StatusCode != http.StatusOK {
			b.Fatalf("%d: %s", resp.StatusCode, answer)
		}
		return answer
	}
	for _, rows := range []int{1, 10} {
		b.Run(fmt.Sprintf("rows=%d/features=20", rows), func(b *testing.B) {
			ids := strings.TrimSuffix(strings.Repeat("1,", rows), ",")
			body := fmt.Appendf(nil, `{"features": ["driver_stats:*", "all:*"], "entities": {"driver_id": [%s]}, "full_feature_names": true}`, ids)
			answer := post(s.http+"/get-online-features", body)
			echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = w.Write(answer)
			}))
			defer echo.Close()
			post(echo.URL, body)
			b.ReportAllocs()
			b.ResetTimer()
			var took [2]time.Duration
			for range b.N {
				for i, url := range []string{s.http + "/get-online-features", echo.URL} {
					began := time.Now()
					post(url, body)
					took[i] += time.Since(began)
				}
			}
			b.ReportMetric(float64(took[0])/float64(took[1]), "x-echo")
			b.ReportMetric(float64(took[0].Nanoseconds())/float64(b.N), "ns/request")
		})
	}
}
