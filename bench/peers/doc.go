// The program peers measures Larder beside common alternatives: features in Redis or
// in Postgres itself, with a model in the same Go process; and Feast's Python feature
// server on Redis with ONNX Runtime behind it.
//
// All get the rows of one private Postgres and the same model, are asked for the
// same entities by the same client in turns, and must give the same scores before
// anything is measured: to the bit from Go, to 1e-6 from Python.
//
// bench/peers/run.sh fetches what it needs and runs it. Every process is private,
// in a temporary folder, and ends with the program.
package main
