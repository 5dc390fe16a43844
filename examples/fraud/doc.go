// Package fraud is Larder's worked example: card transactions, some of them
// fraudulent, from the simulator to a model that Larder serves.
//
// The transactions follow the published method of the Fraud Detection Handbook
// (Y.-A. Le Borgne, W. Siblini, B. Lebichot, G. Bontempi, "Reproducible Machine
// Learning for Credit Card Fraud Detection - Practical Handbook", Université
// Libre de Bruxelles, 2022, chapter 3, "Simulated dataset",
// https://github.com/Fraud-Detection-Handbook/fraud-detection-handbook).
// Customers and terminals lie on a square of 100 by 100; each customer has a
// rate and a size of purchases and buys at the terminals within reach. Three
// scenarios make fraud: very high amounts, compromised terminals for four
// weeks, and stolen card data for two. Two things differ from the book: a thief
// makes each transaction of a stolen card with probability one third, where
// the book draws exactly a third of them at the end of the two weeks, and a
// card that is stolen twice at once has its amounts multiplied once.
//
// [Simulate] promises the same transactions for the same [Config], run after run
// and whatever the date. [Load] puts them into the schema "fraud" of a Postgres
// database, with the feature tables that sql/ makes of them, and replaces what
// was there in one transaction: readers see all of the old or all of the new. [Definitions] holds what `larder apply` reads, the trained model
// included; train.py makes that model.
//
// It is an example and no benchmark of models: its features are kept as of the
// start of each day, so a model sees nothing of the day that it scores but the
// amount.
package fraud
