#pragma once
// Values of the statistics with what is known about them, and the forms in which HAProxy's tools read them: CSV, typed and
// JSON (management.txt 9.1 and 9.2). Made for one answer; used on the control thread by `show info` and `show stat`.
#include <cstdint>
#include <span>
#include <string>

#include "base/str.h"

namespace weir::stats {

// Letters as the typed form prints them.
enum class Origin : char { metric = 'M', status = 'S', key = 'K', config = 'C', product = 'P' };
enum class Nature : char {
  gauge = 'G',
  limit = 'L',
  max = 'M',
  rate = 'R',
  counter = 'C',
  duration = 'D',
  age = 'A',
  name = 'N',
  output = 'O',
  average = 'a',
};
enum class Reach : char { process = 'P', service = 'S' };

struct Tags {
  Origin origin = Origin::metric;
  Nature nature = Nature::gauge;
  Reach reach = Reach::process;
};

inline constexpr Tags kGauge{};
inline constexpr Tags kCounter{Origin::metric, Nature::counter, Reach::process};
inline constexpr Tags kMax{Origin::metric, Nature::max, Reach::process};
inline constexpr Tags kRate{Origin::metric, Nature::rate, Reach::process};
inline constexpr Tags kAge{Origin::metric, Nature::age, Reach::process};
inline constexpr Tags kAverage{Origin::metric, Nature::average, Reach::process};
inline constexpr Tags kDuration{Origin::metric, Nature::duration, Reach::process};
inline constexpr Tags kLimit{Origin::config, Nature::limit, Reach::process};
inline constexpr Tags kKey{Origin::key, Nature::gauge, Reach::process};
inline constexpr Tags kServiceKey{Origin::key, Nature::gauge, Reach::service};
inline constexpr Tags kName{Origin::key, Nature::name, Reach::service};
inline constexpr Tags kStatus{Origin::status, Nature::gauge, Reach::process};
inline constexpr Tags kConfig{Origin::config, Nature::gauge, Reach::service};
inline constexpr Tags kConfigName{Origin::config, Nature::name, Reach::service};
inline constexpr Tags kConfigOutput{Origin::config, Nature::output, Reach::service};
inline constexpr Tags kProduct{Origin::product, Nature::output, Reach::service};

struct Field {
  enum class Type : uint8_t { empty, s32, u32, u64, real, text };
  Type type = Type::empty;
  Tags tags;
  int64_t number = 0;
  double real = 0;
  std::string text;

  bool empty() const { return type == Type::empty; }
};

inline Field s32(Tags tags, int64_t n) {
  return {Field::Type::s32, tags, n, 0, {}};
}
inline Field u32(Tags tags, uint64_t n) {
  return {Field::Type::u32, tags, static_cast<int64_t>(n), 0, {}};
}
inline Field u64(Tags tags, uint64_t n) {
  return {Field::Type::u64, tags, static_cast<int64_t>(n), 0, {}};
}
inline Field real(Tags tags, double n) {
  return {Field::Type::real, tags, 0, n, {}};
}
inline Field text(Tags tags, Str s) {
  return {Field::Type::text, tags, 0, 0, std::string(s)};
}

struct Column {
  Str name;
  Str help;
  bool shared = false;  // may outlive the process: P instead of V in the typed form
};

enum class Form : uint8_t { plain, typed, json };

// The value alone, quoted as CSV needs it.
void append_csv(std::string& out, const Field& f);
// "MCPV:u64:12" with the tags in front.
void append_typed(std::string& out, const Field& f, bool shared);
// {"tags":…,"value":…} without the outer braces.
void append_json(std::string& out, const Field& f);

}  // namespace weir::stats
