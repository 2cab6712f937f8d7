"""What keeps the workbook's 18 regimes from flickering.

Of its sheets StabilityConfiguration, NoiseFiltering, TransitionManagement and TransitionRules. What these sheets say
of any regime (the confidence of an answer, the cool-down between changes) steers the regimes that are answered today
and stands with them, in ``regimes``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from mr_platform.parameters.constraints import ParameterObject


@dataclass(frozen=True)
class StabilityParameters(ParameterObject):
    """How long a workbook regime holds and what it takes to leave it; durations in minutes, the rest shares.

    Durations: ``minimum_regime_duration``, ``maximum_regime_duration``, after which it is put to the test again,
    ``confirmation_window``. Scores: a challenger passes a threshold by ``hysteresis_buffer`` and leads by
    ``transition_margin``, its signals at least ``signal_strength_threshold`` strong and ``noise_threshold`` noisy at
    most. ``persistence_ratio`` of ``persistence_window`` points agree, and ``min_agreeing_timeframes`` by
    ``consensus_threshold``, no further apart than ``timeframe_divergence_limit``. Transitions: bounds of their number
    an hour and a session. Quality: weights of stability and accuracy. Learning: rate and window of the thresholds.
    """

    OBJECT: ClassVar[str] = "stability"

    minimum_regime_duration: int
    maximum_regime_duration: int
    confirmation_window: int
    prediction_confidence: float
    hysteresis_buffer: float
    adaptive_hysteresis: bool
    transition_margin: float
    signal_strength_threshold: float
    noise_threshold: float
    persistence_window: int
    persistence_ratio: float
    consensus_threshold: float
    min_agreeing_timeframes: int
    timeframe_divergence_limit: float
    max_transitions_per_hour: int
    max_transitions_per_day: int
    min_transitions_per_day: int
    regime_quality_threshold: float
    stability_score_weight: float
    accuracy_score_weight: float
    enable_adaptive_thresholds: bool
    learning_rate: float
    adaptation_window: int


@dataclass(frozen=True)
class TransitionRule:
    """A way from the regimes of one pattern to those of another, and what it takes."""

    number: int = field(metadata={"column": "RuleID"})
    source: str = field(metadata={"column": "FromRegime"})
    target: str = field(metadata={"column": "ToRegime"})
    confidence: float = field(metadata={"column": "MinConfidence"})
    minutes: int = field(metadata={"column": "MaxDuration"})
    signals: int = field(metadata={"column": "RequiredSignals"})
    priority: int = field(metadata={"column": "Priority"})


@dataclass(frozen=True)
class WorkbookTransitionParameters(ParameterObject):
    """How a transition between workbook regimes is found, validated, smoothed and stopped, and the ``rules`` of which
    regimes may follow which.
    """

    OBJECT: ClassVar[str] = "workbook_transitions"

    transition_detection_method: str
    transition_lead_time: int
    validate_with_volume: bool
    validate_with_greeks: bool
    validate_with_correlation: bool
    allow_direct_reversals: bool
    require_neutral_buffer: bool
    allow_volatility_jumps: bool
    transition_smoothing_enabled: bool
    smoothing_window: int
    smoothing_factor: float
    gap_transition_handling: str
    news_event_sensitivity: float
    expiry_day_rules: str
    regime_memory_enabled: bool
    memory_window: int
    pattern_recognition: bool
    emergency_transition_threshold: float
    circuit_breaker_enabled: bool
    max_emergency_per_day: int
    rules: tuple[TransitionRule, ...]


@dataclass(frozen=True)
class NoiseFilterParameters(ParameterObject):
    """Filters between raw signals and the workbook's regime scores: microstructure, volume, spikes, persistence."""

    OBJECT: ClassVar[str] = "noise_filter"

    microstructure_filter_enabled: bool
    microstructure_threshold: float
    tick_noise_filter: bool
    volume_filter_enabled: bool
    volume_threshold_multiplier: float
    low_volume_penalty: float
    price_spike_filter: bool
    spike_threshold: float
    mean_reversion_check: bool
    persistence_filter_enabled: bool
    min_persistence_ratio: float
    persistence_lookback: int
    kalman_filter_enabled: bool
    wavelet_denoising: bool
    ensemble_filtering: bool
    adaptive_noise_threshold: bool
    noise_learning_rate: float
    noise_memory_window: int
