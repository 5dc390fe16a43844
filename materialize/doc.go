// Package materialize moves the rows of feature views from their source to the online
// store, with exactly-once effect.
//
// A [Runner] does it in runs. Each run reads one window of one view's source (see
// [schema.Window]), encodes its record batches column by column into keys and rows,
// and writes those that are newer than what is stored. The watermark of the view moves
// to the window's end in the step that stores the last rows, after all others are on
// disk.
//
// It promises that
//
//   - a process that is killed at any point duplicates nothing and loses
//     nothing: the watermark has not moved, the next run reads the window again,
//     and newest-wins makes rewriting rows harmless;
//   - two runs of one view never overlap, and no more than Options.Workers run at
//     once; the others wait in the order they were asked for;
//   - watermarks never move back, and only full and incremental runs move them: a
//     range says nothing about rows outside of it;
//   - rows that can't be stored are counted by reason, with samples, and fail the
//     run if the source says so;
//   - what a view expects of its rows is checked before its watermark moves, and before
//     any row is written if the view keeps its rows otherwise;
//   - a view with a schedule is materialized on schedule; a scheduled run that fails
//     is retried with growing delays, and its error is shown until one succeeds;
//   - memory is bounded by the batches of the source and the buffer of the writer;
//   - a panic in a run fails that run and nothing else.
//
// It does not know Postgres: rows come from a [Source]. It keeps runs only in memory;
// package control records them.
package materialize
