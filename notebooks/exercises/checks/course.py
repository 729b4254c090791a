"""All exercises, in the order of the lessons."""

from . import lesson1, lesson3
from .exercise import Exercise

LESSONS = (lesson1, lesson3)
EXERCISES: dict[str, Exercise] = {
    exercise.name: exercise for lesson in LESSONS for exercise in lesson.EXERCISES
}
