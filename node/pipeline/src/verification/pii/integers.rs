//! Numbers of cards in columns of whole numbers that go out as attributes. There is no text to put in their
//! place: they become nothing.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, Int64Array, RecordBatch};
use arrow_buffer::BooleanBuffer;
use ringwatch_parse::scan::Class;

use super::{Inspected, Inspector, MOST_TOLD, Told};
use crate::verification::shape::Shape;

/// The least number with as many digits as a card has.
const LEAST: i64 = 1_000_000_000_000;

impl Inspector {
    /// Looks through the columns of whole numbers that are attributes.
    pub(super) fn integers(&mut self, rows: &RecordBatch, shape: &Shape, out: &mut Inspected) {
        for at in &shape.integers {
            let numbers = rows
                .columns()
                .get(*at)
                .and_then(|column| column.as_primitive_opt::<Int64Type>());
            // Most columns have no number of this length at all.
            if let Some(numbers) = numbers.filter(|numbers| numbers.values().iter().any(|n| *n >= LEAST)) {
                self.column_of_numbers(*at, shape.name(*at), numbers, out);
            }
        }
    }

    fn column_of_numbers(&mut self, at: usize, name: &str, numbers: &Int64Array, out: &mut Inspected) {
        let mut told = Vec::new();
        let cards = BooleanBuffer::collect_bool(numbers.len(), |row| {
            let card = (numbers.is_valid(row) && numbers.value(row) >= LEAST)
                .then(|| self.card(name, numbers.value(row)))
                .flatten();
            told.extend(card.clone().filter(|_| told.len() < MOST_TOLD).map(|value| Told {
                class: Class::CreditCard,
                value: value.into(),
                at,
            }));
            card.is_some()
        });
        let count = cards.count_set_bits();
        if count == 0 {
            return;
        }
        super::add(&mut out.counts, Class::CreditCard, count as u64);
        out.told.extend(told);
        let kept = (0..numbers.len()).map(|row| {
            let is_kept = numbers.is_valid(row) && !cards.value(row);
            is_kept.then(|| numbers.value(row))
        });
        out.columns.push((at, Arc::new(kept.collect::<Int64Array>())));
        out.add_rows(&cards);
    }

    /// What a number is called, if it is that of a card. The name of the column may say that it is.
    fn card(&mut self, name: &str, number: i64) -> Option<String> {
        let text = format!("{name} {number}");
        let found = self.find(&text);
        let card = found
            .iter()
            .find(|one| one.class == Class::CreditCard && one.start > name.len());
        let card = card.and_then(|card| self.value_name(&text, card));
        self.found = found;
        card
    }
}
