// Maximizes a function through the C++ wrapper.
#include "optiformer.hpp"

#include "optiformer.hpp"

#include <cmath>
#include <cstdio>
#include <type_traits>
#include <utility>

// second.cpp: another source with the same header.
std::string version_of_the_other_source();

static_assert(!std::is_copy_constructible_v<optiformer::Study> && std::is_nothrow_move_constructible_v<optiformer::Study>);
static_assert(!std::is_copy_constructible_v<optiformer::Model> && std::is_nothrow_move_assignable_v<optiformer::Model>);
static_assert(!std::is_copy_assignable_v<optiformer::Space> && std::is_nothrow_move_assignable_v<optiformer::Space>);

static int failures = 0;
#define EXPECT(condition)                                                                            \
    do {                                                                                             \
        if (!(condition)) {                                                                          \
            std::fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition);                     \
            failures++;                                                                              \
        }                                                                                            \
    } while (0)

template <typename Function> static int status_of(Function function) {
    try {
        function();
    } catch (const optiformer::Error &error) {
        return error.status();
    }
    return OPTIFORMER_OK;
}

int main() {
    optiformer::Space space;
    space.add_float("x", 0.0, 4.0).add_int("n", 1, 16, true).add_categorical("kind", {"a", "b", "c"});
    space.add_float("y", 0.0, 1.0).set_condition("y", "kind", {0.0, 2.0});
    EXPECT(space.count() == 4);
    EXPECT(space.name(3) == "y");
    EXPECT(status_of([&] { space.name(4); }) == OPTIFORMER_INVALID_VALUE);
    EXPECT(optiformer::version() == version_of_the_other_source());
    EXPECT(optiformer::Space::from_json(space.to_json()).to_json() == space.to_json());

    auto model = optiformer::Model::builtin();
    EXPECT(model.description().find("\"trained_context\"") != std::string::npos);
    optiformer::Study study(space, optiformer::Direction::maximize, 11, &model);
    EXPECT(!study.best());
    study.enqueue({1.0, 2.0, 1.0, optiformer::inactive});
    double first = 0.0;
    for (int trial = 0; trial < 30; trial++) {
        auto [id, values] = study.ask();
        bool active = values[2] != 1.0;
        EXPECT(active != std::isnan(values[3]));
        double value = -(values[0] - 3.0) * (values[0] - 3.0) - 0.1 * std::abs(values[1] - 5.0) - (active ? values[3] : 0.3);
        if (trial == 0) {
            EXPECT(values[0] == 1.0 && values[1] == 2.0 && values[2] == 1.0);
            first = value;
        }
        study.tell(id, value);
    }
    auto best = study.best();
    EXPECT(best && best->value > first);

    auto counts = study.counts();
    EXPECT(counts.finished == 30 && counts.failed == 0 && counts.pending == 0 && counts.pruned == 0);

    // Without a study: two at a time, to minimize.
    std::vector<std::vector<double>> history;
    std::vector<double> losses;
    optiformer::SuggestOptions options;
    options.model = &model;
    options.seed = 5;
    for (int round = 0; round < 6; round++) {
        options.number = history.size();
        auto next = optiformer::suggest(space, history, losses, {}, 2, options);
        EXPECT(next.size() == 2 && next[0].size() == 4 && next[0] != next[1]);
        for (auto &values : next) {
            EXPECT(values[0] >= 0.0 && values[0] <= 4.0 && values[1] >= 1.0 && values[1] <= 16.0);
            losses.push_back(round == 2 ? optiformer::inactive : values[0]);
            history.push_back(std::move(values));
        }
    }
    EXPECT(status_of([&] { optiformer::suggest(space, {{1.0}}, {1.0}); }) == OPTIFORMER_INVALID_VALUE);
    EXPECT(status_of([&] { optiformer::suggest(space, history, {1.0}); }) == OPTIFORMER_INVALID_VALUE);
    EXPECT(status_of([&] { optiformer::suggest(space, {{9.0, 1.0, 1.0, optiformer::inactive}}, {1.0}); }) ==
           OPTIFORMER_INVALID_VALUE);
    options.sampler = "tpe";
    EXPECT(status_of([&] { optiformer::suggest(space, {}, {}, {}, 1, options); }) == OPTIFORMER_INVALID_VALUE);
    options.model = nullptr;
    EXPECT(optiformer::suggest(space, {}, {}, history, 1, options).size() == 1);
    // A cache changes nothing, and can be moved.
    optiformer::Cache first_cache, cache = std::move(first_cache);
    for (std::size_t trials = 0; trials <= history.size(); trials++) {
        std::vector<std::vector<double>> begun(history.begin(), history.begin() + static_cast<std::ptrdiff_t>(trials));
        std::vector<double> told(losses.begin(), losses.begin() + static_cast<std::ptrdiff_t>(trials));
        options.number = trials;
        options.cache = &cache;
        auto cached = optiformer::suggest(space, begun, told, {}, 1, options);
        options.cache = nullptr;
        auto plain = optiformer::suggest(space, begun, told, {}, 1, options);
        for (std::size_t index = 0; index < 4; index++) {
            EXPECT(cached[0][index] == plain[0][index] || (std::isnan(cached[0][index]) && std::isnan(plain[0][index])));
        }
    }

    // Saved and restored, the study goes on as the first one.
    study.abandon(study.ask().id);
    auto restored = optiformer::Study::restore(study.save(), &model);
    EXPECT(restored.save() == study.save());
    EXPECT(restored.space().to_json() == space.to_json());
    EXPECT(restored.description() == study.description());
    auto next = study.ask(), again = restored.ask();
    EXPECT(next.id == 31 && again.id == 31 && next.values[0] == again.values[0] && next.values[2] == again.values[2]);
    restored.offer_pending();
    EXPECT(restored.ask().id == 31);
    study.tell_failed(next.id);
    auto trials = study.trials();
    EXPECT(trials.size() == 31 && trials[30].state == optiformer::TrialState::failed && std::isnan(trials[30].objective));
    EXPECT(trials[0].state == optiformer::TrialState::finished && trials[0].objective == first && trials[0].values[1] == 2.0);
    EXPECT(status_of([] { optiformer::Study::restore("nothing"); }) == OPTIFORMER_INVALID_JOURNAL);
    EXPECT(status_of([] { optiformer::Study::open("no/such/folder/study.jsonl"); }) == OPTIFORMER_IO);

    // Constraints, several objectives and intermediate values.
    optiformer::StudyOptions measured;
    measured.sampler = "random";
    measured.constraints = {"weight"};
    measured.objectives = {{"error"}, {"speed", optiformer::Direction::maximize}};
    optiformer::Study several(space, measured);
    for (int trial = 0; trial < 3; trial++) {
        const auto id = several.ask().id;
        several.tell(id, {1.0 - trial, 2.0}, {trial == 2 ? 0.5 : -1.0});
    }
    EXPECT(several.add({1.0, 2.0, 1.0, optiformer::inactive}, {1.5, 3.0}, {0.0}) == 3);
    EXPECT(several.front() == (std::vector<std::uint64_t>{1, 3}) && !several.best());
    EXPECT(several.violation(2) == 0.5 && several.violation(3) == 0.0);
    const auto read_back = optiformer::Study::restore(several.save()).trials();
    EXPECT(read_back.size() == 4 && read_back[1].objectives == (std::vector<double>{0.0, 2.0}) && read_back[2].constraints[0] == 0.5);
    EXPECT(status_of([&] { several.tell(several.ask().id, 1.0); }) == OPTIFORMER_INVALID_VALUE);
    measured.objectives.clear();
    measured.constraints.clear();
    optiformer::Study reported(space, measured);
    const auto early = reported.ask().id;
    reported.report(early, 3, 0.25);
    reported.tell_pruned(early);
    EXPECT(reported.reports(early).size() == 1 && reported.reports(early)[0].step == 3 && reported.reports(early)[0].value == 0.25);
    EXPECT(reported.trials()[0].state == optiformer::TrialState::pruned);

    // A pruner ends what is worse than the median of two; it is part of the study's text.
    measured.pruner = "median:startup=2";
    optiformer::Study pruned(space, measured);
    for (int trial = 0; trial < 2; trial++) {
        const auto id = pruned.ask().id;
        EXPECT(!pruned.should_stop(id));
        pruned.report(id, 1, 1.0 + trial);
        EXPECT(!pruned.should_stop(id));
        pruned.tell(id, 1.0);
    }
    auto copy = optiformer::Study::restore(pruned.save());
    const auto poor = copy.ask().id;
    copy.report(poor, 1, 1.75);
    EXPECT(copy.should_stop(poor));
    copy.tell_pruned(poor);
    EXPECT(copy.counts().pruned == 1 && copy.counts().failed == 0 && copy.counts().finished == 2);
    EXPECT(copy.description().find("\"pruner\":\"median:startup=2,") != std::string::npos);
    EXPECT(status_of([&] { copy.should_stop(poor); }) == OPTIFORMER_ALREADY_TOLD);
    EXPECT(status_of([&] { copy.promoted_from(77); }) == OPTIFORMER_UNKNOWN_TRIAL);
    measured.pruner = "medium";
    EXPECT(status_of([&] { optiformer::Study(space, measured); }) == OPTIFORMER_INVALID_VALUE);

    // A fidelity: what does well with little is tried with more.
    optiformer::Space staged;
    staged.add_float("x", 0.0, 1.0).add_int("epochs", 1, 9).set_fidelity("epochs");
    optiformer::StudyOptions hyperband;
    hyperband.sampler = "hyperband";
    optiformer::Study promoted(staged, hyperband);
    std::size_t promotions = 0;
    for (int trial = 0; trial < 12; trial++) {
        const auto [id, values] = promoted.ask();
        if (const auto source = promoted.promoted_from(id)) {
            const auto known = promoted.trials();
            EXPECT(known[*source].values[0] == values[0] && known[*source].values[1] < values[1]);
            promotions++;
        }
        promoted.tell(id, values[0] + 1.0 / values[1]);
    }
    EXPECT(promotions > 0 && promotions < 12);

    // Constraints and losses without a study.
    optiformer::SuggestOptions constrained;
    constrained.sampler = "tpe";
    constrained.constraints = std::vector<std::vector<double>>(history.size(), {1.0});
    constrained.objective_count = 2;
    std::vector<double> pairs(2 * history.size(), 1.0);
    EXPECT(optiformer::suggest(space, history, pairs, {}, 1, constrained).size() == 1);
    EXPECT(optiformer::choose(space, history, history, pairs, {}, constrained).order.size() == history.size());
    EXPECT(status_of([&] { optiformer::suggest(space, history, losses, {}, 1, constrained); }) == OPTIFORMER_INVALID_VALUE);
    constrained.constraints.pop_back();
    EXPECT(status_of([&] { optiformer::suggest(space, history, pairs, {}, 1, constrained); }) == OPTIFORMER_INVALID_VALUE);

    auto moved = std::move(study);
    EXPECT(moved.best()->value == best->value);
    EXPECT(status_of([&] { moved.tell(0, 1.0); }) == OPTIFORMER_ALREADY_TOLD);
    EXPECT(status_of([&] { moved.tell_failed(77); }) == OPTIFORMER_UNKNOWN_TRIAL);
    EXPECT(status_of([&] { moved.add({1.0}, 0.0); }) == OPTIFORMER_INVALID_VALUE);
    EXPECT(status_of([&] { space.add_float("x", 0.0, 1.0); }) == OPTIFORMER_INVALID_SPACE);
    EXPECT(status_of([] { optiformer::Model::open("no/such/file"); }) == OPTIFORMER_IO);
    EXPECT(status_of([] { optiformer::Model::from_bytes({1, 2, 3}); }) == OPTIFORMER_INVALID_WEIGHTS);
    return failures == 0 ? 0 : 1;
}
