// Package fraud is Larder's worked example: card transactions, some of them
// fraudulent, from the simulator to a model that Larder serves.
//
// The transactions follow the published method of the Fraud Detection Handbook
// (Y.-A. Le Borgne, W. Siblini, B. Lebichot, G. Bontempi, "Reproducible Machine
// Learning for Credit Card Fraud Detection - Practical Handbook", Université
// Libre de Bruxelles, 2022, chapter 3, "Simulated dataset",
// https://github.com/Fraud-Detection-Handbook/fraud-detection-handbook).
// Customers and terminals lie on a square of 100 by 100. Each customer has a rate and
// a size of purchases, and buys at the terminals within reach. Three scenarios make
// fraud: very high amounts, terminals that are compromised for four weeks, and card
// data that is stolen for two. Two things differ from the book. A thief makes each
// transaction of a stolen card with probability one third; the book draws exactly a
// third of them at the end of the two weeks. If a card is stolen twice at the same
// time, its amounts are multiplied only once.
//
// [Simulate] promises the same transactions for the same [Config] on every run and on
// every date. [Load] writes them to the schema "fraud" of a Postgres database, with the
// feature tables that sql/ derives from them. It replaces the schema in one
// transaction, so readers see either all of the old data or all of the new.
// [Definitions] holds what `larder apply` reads, including the trained model; train.py
// trains that model.
//
// It is an example, not a benchmark of models. The features of model fraud are as of the
// start of each day, so the amount is all that it sees of the day that it scores. Model
// fraud_windows also has windows over minutes, hours and days that end at the transaction,
// from a stream that takes each transaction once it was scored.
package fraud
