// Package larder is the Go client of a Larder server: features, scores, training
// sets and, through the generated clients, everything else that the server does.
//
//	client, err := larder.Dial("127.0.0.1:6570", larder.Options{})
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	answer, err := client.Score(ctx, "fraud", larder.Request{
//		Entities: larder.Columns{"customer_id": []int64{42}, "terminal_id": []int64{7}},
//		Values:   larder.Columns{"amount": []float64{12.5}},
//	})
//
// One [Client] holds one connection and is safe for concurrent use: make one per
// server and keep it. Errors of a server are gRPC statuses; [Reason] returns the
// word that a program can branch on.
package larder
