// The tables behind CodeLabel and FieldLabel: data, and what the tests hold it to.
#ifndef POLKU_ADAPTERS_CLI_LABELS_TABLES_H_
#define POLKU_ADAPTERS_CLI_LABELS_TABLES_H_

#include <array>
#include <span>
#include <string_view>

namespace polku::cli {

using Texts = std::array<std::string_view, 3>;  // fi, sv, en

struct LabelRow {
  std::string_view key;
  Texts texts;  // English empty: the schema's own name reads well, "open market job"
};

// By the value's name, "GOAL_STATE_OPEN": its enum's name is in it. A test holds the table to every
// enum that a domain event can carry.
std::span<const LabelRow> CodeRows();

// By the field's name where the same name means the same, "period_id"; by its full name, which goes
// first, where the words differ, "polku.compensation.v1.PerkGiven.kind". A test holds the table to
// every field of the domain events and of the messages in them.
std::span<const LabelRow> FieldRows();

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_LABELS_TABLES_H_
