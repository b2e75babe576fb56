// Package reconcile compares the provider's book with ours: every charge and every refund of a range of time, both ways.
//
//	charge_not_here, refund_not_here                  the provider moved money that no row here knows of
//	charge_not_at_provider, refund_not_at_provider    a row here says that money moved, and the provider doesn't know it
//	charge_differs, refund_differs                    both have it, with another amount, currency or state
//	second_charge_at_provider                         money under a second intent of one payment
//
// What is found is written to discrepancies, for a person: nothing is repaired. A finding's id follows from what it is about,
// so a second run finds the same and changes nothing.
//
// # How it reads
//
// The provider's list is the one that is walked, newest first, page by page; our rows of a page are read with one query for each
// merchant on it. What was seen is remembered for a part of the range, and then our rows of that part are read, merchant by
// merchant: one that was not seen is asked for by its reference, because the clocks differ, and a charge that was sent again is
// younger than its row. So memory is bounded by the size of a part, however long the range is.
//
// # What is no finding
//
// While an operation waits for its outcome, the checks take care of it; it is counted, and left to them. A difference is looked
// at again before it counts: our row, the provider's object by its reference, and our row again, which must not have changed.
// Charges without payonce's metadata belong to other programs that share the account, and are only counted. A row of another
// provider key than ours is compared where the provider shows it, and never missed where it doesn't.
package reconcile
