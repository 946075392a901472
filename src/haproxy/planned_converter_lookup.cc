// Converters that look the input up in a map (manual 7.3.1). The rows know the words, for checks, lists and man pages; those
// that expr/convert_*.cc has need none and may have one. The table lives as long as the program; planned.cc adds it to the
// index.
#include "haproxy/planned.h"

#include "haproxy/context.h"

namespace weir::haproxy {
namespace {

using config::Block;
using config::Inherit;
using config::Row;

constexpr Row kRows[] = {
    // maps
    {"map_str", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "value of the map entry whose key equals it"},
    {"map_beg", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "value of the map entry whose key it starts with"},
    {"map_sub", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "value of the map entry whose key it contains"},
    {"map_dir", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "value of the map entry whose key is one of its path components"},
    {"map_dom", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "value of the map entry whose key is one of its domains"},
    {"map_end", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "value of the map entry whose key it ends with"},
    {"map_reg", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "value of the map entry whose key matches it as a regular expression"},
    {"map_regm", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "value of the map entry whose key matches it, with its groups in the value"},
    {"map_int", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "value of the map entry whose key equals it as a number"},
    {"map_ip", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "value of the map entry whose key is its longest matching network"},
    {"map_str_int", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "integer of the map entry whose key equals it"},
    {"map_beg_int", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "integer of the map entry whose key it starts with"},
    {"map_sub_int", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "integer of the map entry whose key it contains"},
    {"map_dir_int", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "integer of the map entry whose key is one of its path components"},
    {"map_dom_int", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "integer of the map entry whose key is one of its domains"},
    {"map_end_int", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "integer of the map entry whose key it ends with"},
    {"map_reg_int", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "integer of the map entry whose key matches it as a regular expression"},
    {"map_int_int", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "integer of the map entry whose key equals it as a number"},
    {"map_ip_int", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "integer of the map entry whose key is its longest matching network"},
    {"map_str_ip", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "address of the map entry whose key equals it"},
    {"map_beg_ip", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "address of the map entry whose key it starts with"},
    {"map_sub_ip", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "address of the map entry whose key it contains"},
    {"map_dir_ip", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "address of the map entry whose key is one of its path components"},
    {"map_dom_ip", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "address of the map entry whose key is one of its domains"},
    {"map_end_ip", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "address of the map entry whose key it ends with"},
    {"map_reg_ip", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "address of the map entry whose key matches it as a regular expression"},
    {"map_int_ip", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "address of the map entry whose key equals it as a number"},
    {"map_ip_ip", kConverter, 1, 2, Block::none, Inherit::none, nullptr, "(<map_name>[,<default_value>])",
     "address of the map entry whose key is its longest matching network"},
    {"map_str_key", kConverter, 1, 1, Block::none, Inherit::none, nullptr, "(<map_name>)",
     "key of the map that equals it"},
    {"map_beg_key", kConverter, 1, 1, Block::none, Inherit::none, nullptr, "(<map_name>)",
     "key of the map that it starts with"},
    {"map_sub_key", kConverter, 1, 1, Block::none, Inherit::none, nullptr, "(<map_name>)",
     "key of the map that it contains"},
    {"map_dir_key", kConverter, 1, 1, Block::none, Inherit::none, nullptr, "(<map_name>)",
     "key of the map that is one of its path components"},
    {"map_dom_key", kConverter, 1, 1, Block::none, Inherit::none, nullptr, "(<map_name>)",
     "key of the map that is one of its domains"},
    {"map_end_key", kConverter, 1, 1, Block::none, Inherit::none, nullptr, "(<map_name>)",
     "key of the map that it ends with"},
    {"map_reg_key", kConverter, 1, 1, Block::none, Inherit::none, nullptr, "(<map_name>)",
     "key of the map that matches it as a regular expression"},
    {"map_int_key", kConverter, 1, 1, Block::none, Inherit::none, nullptr, "(<map_name>)",
     "key of the map that equals it as a number"},
    {"map_ip_key", kConverter, 1, 1, Block::none, Inherit::none, nullptr, "(<map_name>)",
     "key of the map that is its longest matching network"},
};

}  // namespace

const config::Table kPlannedConverterLookup = kRows;

}  // namespace weir::haproxy
