// What a wrong command line is answered: the verb, what is wrong with it, and the way out. CLI11
// finds what is wrong; its own words are for programmers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace moln::cli {

// "moln ps: --bogus: …; see `moln ps --help`\n". `verb` is "" for `moln` itself.
std::string usage_text(std::string_view verb, std::string_view what);

// What is wrong with the words that name a verb, such as {"route", "ad"}; none if they name one.
// Words behind it are not looked at. No words at all are taken for right, and the first of two if
// it is for its help.
enum class Wish { act, help };
std::optional<std::string> wrong_verb(const std::vector<std::string>& words, Wish wish);

// Of words that a verb has no use for; `options` are those that it has.
std::string unknown_words(std::string_view verb, const std::vector<std::string>& words,
                          const std::vector<std::string>& options);

// The same words in lines of at most `columns`; a word that is longer has a line for itself.
std::string wrapped(std::string_view text, std::size_t columns);

// CLI11's sentence in ours: "--https: expected one of a, b, found "c"".
std::string plain_words(std::string_view sentence);

}  // namespace moln::cli
