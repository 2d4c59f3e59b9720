// The slider between two pictures, and clips that run side by side in step.
import { gettext } from './messages.js';

const box = document.querySelector('.slider');
if (box) {
  const range = box.querySelector('input');
  const move = () => box.style.setProperty('--at', `${range.value}%`);
  range.addEventListener('input', move);
  move(); // the browser may have kept where it stood
}

const clips = [...document.querySelectorAll('main video')];
const bar = document.querySelector('.clip-bar');

function runInStep([leader, ...others], play, time, clock) {
  const follow = () => {
    for (const clip of others) {
      if (!clip.duration) continue;
      const wanted = leader.currentTime % clip.duration;
      // Less than two frames apart is together: to set the time again and again would make it jump.
      if (Math.abs(clip.currentTime - wanted) > (leader.paused ? 0.001 : 0.1)) clip.currentTime = wanted;
    }
  };
  const show = () => {
    time.max = leader.duration || 1;
    time.value = leader.currentTime;
    clock.textContent = gettext('%(now)s of %(all)s s', { now: leader.currentTime.toFixed(1), all: (leader.duration || 0).toFixed(1) });
    play.textContent = leader.paused ? gettext('Play') : gettext('Pause');
  };
  play.addEventListener('click', async () => {
    if (!leader.paused) { clips.forEach((clip) => clip.pause()); follow(); return; }
    follow();
    await Promise.all(clips.map((clip) => clip.play())).catch(() => clips.forEach((clip) => clip.pause()));
  });
  time.addEventListener('input', () => {
    clips.forEach((clip) => clip.pause());
    leader.currentTime = Number(time.value);
    follow();
  });
  for (const event of ['timeupdate', 'seeked', 'play', 'pause', 'loadedmetadata']) {
    leader.addEventListener(event, () => { follow(); show(); });
  }
  show();
}

if (clips.length) {
  bar.hidden = false;
  runInStep(clips, bar.querySelector('#play'), bar.querySelector('#time'), bar.querySelector('#clock'));
}
