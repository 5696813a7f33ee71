import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('leads', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='LeadScore',
            fields=[
                ('pk', models.CompositePrimaryKey('version_id', 'lead_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('fit', models.IntegerField()),
                ('engagement', models.IntegerField()),
                ('tier', models.SmallIntegerField(null=True)),
                ('flags', models.SmallIntegerField(default=0)),
                ('gate', models.CharField(max_length=40, null=True)),
            ],
            options={
                'db_table': 'scoring_leadscore',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Criterion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.SlugField(max_length=40)),
                ('label', models.CharField(max_length=120)),
                ('why', models.TextField(blank=True, default='', help_text='Why this makes a better or worse lead.')),
                ('dimension', models.CharField(choices=[('fit', 'Fit'), ('engagement', 'Engagement')], max_length=10)),
                ('shape', models.CharField(choices=[('test', 'What they are'), ('tally', 'What they did')], max_length=5)),
                ('condition', models.JSONField(blank=True, null=True)),
                ('event', models.JSONField(blank=True, help_text='Kinds, assets and campaigns that count.', null=True)),
                ('points', models.SmallIntegerField()),
                ('award', models.CharField(choices=[('once', 'Once'), ('each', 'Each time')], default='once', max_length=4)),
                ('freq_min', models.PositiveSmallIntegerField(default=1)),
                ('freq_max', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('window_days', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('half_life_days', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('cap', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('position', models.PositiveIntegerField(default=0)),
                ('content_hash', models.CharField(blank=True, default='', max_length=64)),
                ('rev', models.PositiveIntegerField(default=0, help_text="The draft's revision that last changed this criterion.")),
                ('removed', models.BooleanField(default=False, help_text='Taken out of the draft; what was said about it is kept.')),
            ],
            options={
                'verbose_name_plural': 'criteria',
                'ordering': ('version_id', 'position', 'pk'),
            },
        ),
        migrations.CreateModel(
            name='CriterionGroup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.SlugField(max_length=40)),
                ('label', models.CharField(max_length=80)),
                ('dimension', models.CharField(choices=[('fit', 'Fit'), ('engagement', 'Engagement')], max_length=10)),
                ('cap', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('floor', models.SmallIntegerField(blank=True, null=True)),
                ('position', models.PositiveIntegerField(default=0)),
            ],
            options={
                'ordering': ('version_id', 'position', 'pk'),
            },
        ),
        migrations.CreateModel(
            name='LeadState',
            fields=[
                ('lead', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='score_state', serialize=False, to='leads.lead')),
                ('rev', models.BigIntegerField()),
                ('due_on', models.DateField(blank=True, null=True)),
                ('scored_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Mark',
            fields=[
                ('consumer', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('txid', models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='ScoringModel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.SlugField(max_length=40, unique=True)),
                ('name', models.CharField(max_length=80)),
                ('segment', models.CharField(blank=True, default='', max_length=80)),
                ('market', models.CharField(blank=True, default='', max_length=80)),
                ('position', models.PositiveIntegerField(default=0, help_text="Lists show a lead's score by its first model.")),
                ('next_review_on', models.DateField(blank=True, null=True)),
                ('signers', models.JSONField(blank=True, default=dict, help_text='Doers and leaders needed a side; one leader each unless said.')),
                ('marketing_owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('product', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='scoring_models', to='leads.product')),
                ('sales_owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('position', 'pk'),
                'permissions': (('see_criteria', 'Read the criteria'), ('edit_draft', 'Edit the draft of the criteria'), ('discuss_draft', 'Follow the workshop, agree, disagree and comment'), ('sign_version', "Sign a version for one's side"), ('activate_version', 'Put a version into force')),
            },
        ),
        migrations.CreateModel(
            name='ModelVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('no', models.PositiveIntegerField()),
                ('status', models.CharField(choices=[('draft', 'Draft'), ('proposed', 'Proposed'), ('active', 'In force'), ('retired', 'Retired'), ('withdrawn', 'Withdrawn')], default='draft', max_length=9)),
                ('spec', models.JSONField(blank=True, null=True)),
                ('spec_hash', models.CharField(blank=True, default='', max_length=64)),
                ('rev', models.PositiveIntegerField(default=1, help_text='Raised by every edit; a save from an older one is told.')),
                ('scope', models.JSONField(blank=True, help_text='A condition: which leads the model judges. Empty: all.', null=True)),
                ('decision', models.JSONField(blank=True, default=dict, help_text='Threshold or grid, tiers, what is MQL and MQO.')),
                ('dimensions', models.JSONField(blank=True, default=dict, help_text='Floor and ceiling of fit and engagement.')),
                ('reason', models.TextField(blank=True, default='')),
                ('effective_at', models.DateTimeField(blank=True, null=True)),
                ('activated_at', models.DateTimeField(blank=True, null=True)),
                ('talk', models.PositiveIntegerField(default=0, help_text='Raised by every word, view and verdict on a criterion.')),
                ('blind_from', models.DateTimeField(blank=True, help_text='A blind round is open since then.', null=True)),
                ('kept_since', models.DateTimeField(blank=True, help_text='Since when its scores are kept up to date although it is only proposed.', null=True)),
                ('trial_since', models.DateTimeField(blank=True, help_text='Since when it runs beside the version in force.', null=True)),
                ('created_at', models.DateTimeField()),
                ('copied_from', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='scoring.modelversion')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('model_id', '-no'),
            },
        ),
        migrations.CreateModel(
            name='CriterionComment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('side', models.CharField(blank=True, choices=[('marketing', 'Marketing'), ('sales', 'Sales')], default='', max_length=9)),
                ('kind', models.CharField(choices=[('comment', 'Comment'), ('proposal', 'Proposal'), ('history', 'From history'), ('reject', 'From rejections')], default='comment', max_length=8)),
                ('text', models.TextField(blank=True, default='')),
                ('payload', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField()),
                ('resolved_at', models.DateTimeField(blank=True, null=True)),
                ('author', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('criterion', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='comments', to='scoring.criterion')),
                ('reply_to', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='replies', to='scoring.criterioncomment')),
                ('resolved_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('created_at', 'pk'),
            },
        ),
        migrations.AddField(
            model_name='criterion',
            name='group',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='criteria', to='scoring.criteriongroup'),
        ),
        migrations.CreateModel(
            name='ModelResearch',
            fields=[
                ('model', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='research', serialize=False, to='scoring.scoringmodel')),
                ('personas', models.TextField(blank=True)),
                ('journey', models.TextField(blank=True)),
                ('channels', models.TextField(blank=True)),
                ('behaviour', models.TextField(blank=True)),
                ('sources', models.TextField(blank=True)),
            ],
            options={
                'verbose_name_plural': 'model research',
            },
        ),
        migrations.AddField(
            model_name='scoringmodel',
            name='active_version',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='scoring.modelversion'),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='model',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='scoring.scoringmodel'),
        ),
        migrations.CreateModel(
            name='Gate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.SlugField(max_length=40)),
                ('label', models.CharField(max_length=120)),
                ('condition', models.JSONField()),
                ('position', models.PositiveIntegerField(default=0)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='gates', to='scoring.modelversion')),
            ],
            options={
                'ordering': ('version_id', 'position', 'pk'),
            },
        ),
        migrations.CreateModel(
            name='Evidence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('report', 'A report'), ('leads', 'A list of leads'), ('reason', 'A rejection reason')], max_length=6)),
                ('label', models.CharField(blank=True, default='', max_length=120)),
                ('url', models.CharField(blank=True, default='', help_text='Of a report, or of a filtered lead list.', max_length=500)),
                ('count', models.PositiveIntegerField(blank=True, help_text='Leads or rejections there were when it was added.', null=True)),
                ('note', models.TextField(blank=True, default='')),
                ('at', models.DateTimeField()),
                ('added_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('reason', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='leads.reason')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='evidence', to='scoring.modelversion')),
            ],
            options={
                'verbose_name_plural': 'evidence',
                'ordering': ('version_id', 'pk'),
            },
        ),
        migrations.CreateModel(
            name='DraftEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rev', models.PositiveIntegerField()),
                ('at', models.DateTimeField()),
                ('verb', models.CharField(max_length=40)),
                ('target', models.CharField(blank=True, default='', max_length=80)),
                ('before', models.JSONField(blank=True, null=True)),
                ('after', models.JSONField(blank=True, null=True)),
                ('actor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('undoes', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='undone_by', to='scoring.draftevent')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='edits', to='scoring.modelversion')),
            ],
            options={
                'ordering': ('version_id', '-rev'),
            },
        ),
        migrations.AddField(
            model_name='criteriongroup',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='groups', to='scoring.modelversion'),
        ),
        migrations.AddField(
            model_name='criterion',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='criteria', to='scoring.modelversion'),
        ),
        migrations.CreateModel(
            name='Activation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.TextField()),
                ('generation', models.BigIntegerField(blank=True, null=True)),
                ('counts', models.JSONField(blank=True, default=dict)),
                ('wave', models.CharField(choices=[('now', 'Hand over at once'), ('spread', "Spread within the reps' capacity"), ('none', 'Hand nobody over')], default='now', max_length=6)),
                ('step', models.PositiveSmallIntegerField(choices=[(0, 'In force, its history being written'), (1, 'In force'), (2, 'Planned'), (3, 'Being prepared'), (4, 'Stopped'), (5, 'Called off')], default=3)),
                ('at', models.DateTimeField(help_text='When it came into force; before that, when it was asked for.')),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('job', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='leads.job')),
                ('from_version', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='scoring.modelversion')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='activations', to='scoring.modelversion')),
            ],
            options={
                'ordering': ('-at', '-pk'),
            },
        ),
        migrations.CreateModel(
            name='Presence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('last_seen', models.DateTimeField()),
                ('leads_meeting', models.BooleanField(default=False)),
                ('row', models.CharField(blank=True, default='', help_text='The key of the criterion the leader is at.', max_length=40)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='presences', to='scoring.modelversion')),
            ],
        ),
        migrations.CreateModel(
            name='PreviewReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('generation', models.BigIntegerField(blank=True, null=True)),
                ('as_of', models.DateTimeField()),
                ('result', models.JSONField()),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reports', to='scoring.modelversion')),
            ],
        ),
        migrations.CreateModel(
            name='Qualification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('mql', 'MQL'), ('mqo', 'MQO')], max_length=3)),
                ('nth', models.PositiveSmallIntegerField(default=1)),
                ('cause', models.CharField(choices=[('event', 'New activity'), ('time', 'Time passing'), ('facts', 'Changed facts'), ('activation', 'New version in force'), ('import', 'Import')], max_length=10)),
                ('at', models.DateTimeField()),
                ('fit', models.IntegerField()),
                ('engagement', models.IntegerField()),
                ('tier', models.SmallIntegerField(null=True)),
                ('lines', models.JSONField()),
                ('release_at', models.DateTimeField(blank=True, help_text='When sales may get it; empty: not handed over.', null=True)),
                ('taken_at', models.DateTimeField(blank=True, help_text='When sales took it up; empty: not yet.', null=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('closed_as', models.CharField(blank=True, choices=[('answered', 'Answered'), ('joined', 'Joined an open hand-off'), ('guarded', 'Went to whoever is in dialogue'), ('withdrawn', 'Withdrawn')], max_length=9, null=True)),
                ('lead', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='qualifications', to='leads.lead')),
                ('model', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='qualifications', to='scoring.scoringmodel')),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='qualifications', to='scoring.modelversion')),
            ],
            options={
                'ordering': ('-at', '-pk'),
            },
        ),
        migrations.CreateModel(
            name='Question',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('side', models.CharField(choices=[('marketing', 'Marketing'), ('sales', 'Sales')], max_length=9)),
                ('topic', models.CharField(help_text="What it is about; the other side's question on it stands beside.", max_length=60)),
                ('text', models.CharField(max_length=240)),
                ('added_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='questions', to='scoring.scoringmodel')),
            ],
            options={
                'ordering': ('topic', 'pk'),
            },
        ),
        migrations.CreateModel(
            name='SampleLead',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('no', models.PositiveSmallIntegerField()),
                ('case', models.ForeignKey(blank=True, help_text='Empty: as the lead is now.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='leads.case')),
                ('lead', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='leads.lead')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='samples', to='scoring.modelversion')),
            ],
            options={
                'ordering': ('version_id', 'no'),
            },
        ),
        migrations.CreateModel(
            name='SampleVerdict',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('side', models.CharField(choices=[('marketing', 'Marketing'), ('sales', 'Sales')], max_length=9)),
                ('word', models.CharField(choices=[('good', 'Good'), ('bad', 'Not good'), ('unsure', 'Can’t say')], max_length=6)),
                ('at', models.DateTimeField()),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('sample', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='verdicts', to='scoring.samplelead')),
            ],
        ),
        migrations.CreateModel(
            name='ScoreChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('old_fit', models.IntegerField(null=True)),
                ('old_engagement', models.IntegerField(null=True)),
                ('old_tier', models.SmallIntegerField(null=True)),
                ('old_flags', models.SmallIntegerField(null=True)),
                ('new_fit', models.IntegerField()),
                ('new_engagement', models.IntegerField()),
                ('new_tier', models.SmallIntegerField(null=True)),
                ('new_flags', models.SmallIntegerField()),
                ('cause', models.CharField(choices=[('event', 'New activity'), ('time', 'Time passing'), ('facts', 'Changed facts'), ('activation', 'New version in force'), ('import', 'Import')], max_length=10)),
                ('at', models.DateTimeField()),
                ('lead', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='score_changes', to='leads.lead')),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='scoring.modelversion')),
            ],
            options={
                'ordering': ('-at', '-pk'),
            },
        ),
        migrations.CreateModel(
            name='SignOff',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('side', models.CharField(choices=[('marketing', 'Marketing'), ('sales', 'Sales')], max_length=9)),
                ('role', models.CharField(choices=[('doer', 'Doer'), ('leader', 'Leader')], max_length=6)),
                ('verdict', models.CharField(choices=[('agree', 'Agrees'), ('object', 'Objects')], max_length=6)),
                ('subject_hash', models.CharField(max_length=64)),
                ('note', models.TextField(blank=True, default='')),
                ('at', models.DateTimeField()),
                ('report', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='signatures', to='scoring.previewreport')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='signatures', to='scoring.modelversion')),
            ],
        ),
        migrations.CreateModel(
            name='TalkEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('no', models.PositiveIntegerField()),
                ('at', models.DateTimeField()),
                ('verb', models.CharField(max_length=40)),
                ('target', models.CharField(blank=True, default='', help_text='The key of the criterion; empty for all of them.', max_length=40)),
                ('actor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='talk_events', to='scoring.modelversion')),
            ],
            options={
                'ordering': ('version_id', '-no'),
            },
        ),
        migrations.CreateModel(
            name='VersionEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verb', models.CharField(choices=[('proposed', 'proposed it'), ('signed', 'signed'), ('objected', 'asked for a change'), ('taken_back', 'took it back to edit it'), ('returned', 'returned to an earlier version'), ('activated', 'put it into force'), ('tried', 'began a trial run'), ('trial_ended', 'ended the trial run'), ('withdrawn', 'put it aside'), ('review', 'set the next review')], max_length=12)),
                ('at', models.DateTimeField()),
                ('note', models.TextField(blank=True, default='')),
                ('actor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='scoring.modelversion')),
            ],
            options={
                'ordering': ('version_id', 'pk'),
            },
        ),
        migrations.CreateModel(
            name='CriterionExample',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('is_counter', models.BooleanField(default=False)),
                ('side', models.CharField(blank=True, choices=[('marketing', 'Marketing'), ('sales', 'Sales')], default='', max_length=9)),
                ('note', models.CharField(blank=True, default='', max_length=200)),
                ('added_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('case', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='leads.case')),
                ('criterion', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='examples', to='scoring.criterion')),
                ('lead', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='leads.lead')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('lead__isnull', False), ('case__isnull', False), _connector='XOR'), name='criterionexample_lead_or_case'), models.UniqueConstraint(condition=models.Q(('lead__isnull', False)), fields=('criterion', 'lead'), name='criterionexample_lead_once')],
            },
        ),
        migrations.CreateModel(
            name='CriterionView',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('side', models.CharField(choices=[('marketing', 'Marketing'), ('sales', 'Sales')], max_length=9)),
                ('need', models.CharField(blank=True, choices=[('required', 'Required'), ('nice', 'Nice to have'), ('irrelevant', 'Irrelevant')], default='', max_length=10)),
                ('points', models.SmallIntegerField(blank=True, null=True)),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('agreed_hash', models.CharField(blank=True, max_length=64, null=True)),
                ('agreed_at', models.DateTimeField(blank=True, null=True)),
                ('disagreed_hash', models.CharField(blank=True, max_length=64, null=True)),
                ('disagreed_at', models.DateTimeField(blank=True, null=True)),
                ('agreed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('answered_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('criterion', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='side_views', to='scoring.criterion')),
                ('disagreed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('criterion', 'side'), name='criterionview_once'), models.CheckConstraint(condition=models.Q(('points__range', (-1000, 1000))), name='criterionview_points_range'), models.CheckConstraint(condition=models.Q(('agreed_hash__isnull', True), ('disagreed_hash__isnull', True), _connector='OR'), name='criterionview_one_verdict')],
            },
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=models.UniqueConstraint(fields=('model', 'no'), name='modelversion_no_once'),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'active')), fields=('model',), name='modelversion_one_active'),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'proposed')), fields=('model',), name='modelversion_one_proposed'),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ('draft', 'withdrawn')), models.Q(('spec_hash', ''), _negated=True), _connector='OR'), name='modelversion_spec_when_frozen'),
        ),
        migrations.AddConstraint(
            model_name='gate',
            constraint=models.UniqueConstraint(fields=('version', 'key'), name='gate_key_once'),
        ),
        migrations.AddConstraint(
            model_name='evidence',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'reason'), ('reason__isnull', False)), models.Q(models.Q(('kind', 'reason'), _negated=True), models.Q(('url', ''), _negated=True)), _connector='OR'), name='evidence_names_something'),
        ),
        migrations.AddConstraint(
            model_name='draftevent',
            constraint=models.UniqueConstraint(fields=('version', 'rev'), name='draftevent_rev_once'),
        ),
        migrations.AddConstraint(
            model_name='criteriongroup',
            constraint=models.UniqueConstraint(fields=('version', 'key'), name='criteriongroup_key_once'),
        ),
        migrations.AddConstraint(
            model_name='criterion',
            constraint=models.UniqueConstraint(condition=models.Q(('removed', False)), fields=('version', 'key'), name='criterion_key_once'),
        ),
        migrations.AddConstraint(
            model_name='criterion',
            constraint=models.CheckConstraint(condition=models.Q(('points__range', (-1000, 1000))), name='criterion_points_range'),
        ),
        migrations.AddConstraint(
            model_name='criterion',
            constraint=models.CheckConstraint(condition=models.Q(('freq_min__gte', 1)), name='criterion_freq_min'),
        ),
        migrations.AddConstraint(
            model_name='criterion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('event__isnull', False), ('shape', 'tally'), ('window_days__range', (1, 3650))), models.Q(('condition__isnull', False), ('event__isnull', True), ('shape', 'test'), ('window_days__isnull', True)), _connector='OR'), name='criterion_shape'),
        ),
        migrations.AddConstraint(
            model_name='criterion',
            constraint=models.CheckConstraint(condition=models.Q(('award', 'each'), models.Q(('freq_max__isnull', True), ('half_life_days__isnull', True)), _connector='OR'), name='criterion_each_only'),
        ),
        migrations.AddConstraint(
            model_name='activation',
            constraint=models.UniqueConstraint(condition=models.Q(('step__in', (2, 3))), fields=('version',), name='activation_one_open'),
        ),
        migrations.AddConstraint(
            model_name='presence',
            constraint=models.UniqueConstraint(fields=('version', 'user'), name='presence_once'),
        ),
        migrations.AddConstraint(
            model_name='presence',
            constraint=models.UniqueConstraint(condition=models.Q(('leads_meeting', True)), fields=('version',), name='presence_one_leader'),
        ),
        migrations.AddIndex(
            model_name='qualification',
            index=models.Index(condition=models.Q(('closed_at__isnull', True), ('taken_at__isnull', True)), fields=['release_at', 'id'], name='qualification_waiting'),
        ),
        migrations.AddIndex(
            model_name='qualification',
            index=models.Index(condition=models.Q(('kind', 'mql')), fields=['version', 'at'], name='qualification_since'),
        ),
        migrations.AddConstraint(
            model_name='qualification',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at__isnull', True)), fields=('lead', 'model', 'kind'), name='qualification_one_open'),
        ),
        migrations.AddConstraint(
            model_name='qualification',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_as__isnull', True), ('closed_at__isnull', True)), models.Q(('closed_as__isnull', False), ('closed_at__isnull', False)), _connector='OR'), name='qualification_closed_as'),
        ),
        migrations.AddConstraint(
            model_name='qualification',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ('mql', 'mqo'))), name='qualification_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='samplelead',
            constraint=models.UniqueConstraint(fields=('version', 'no'), name='samplelead_no_once'),
        ),
        migrations.AddConstraint(
            model_name='samplelead',
            constraint=models.UniqueConstraint(fields=('version', 'lead'), name='samplelead_lead_once'),
        ),
        migrations.AddConstraint(
            model_name='sampleverdict',
            constraint=models.UniqueConstraint(fields=('sample', 'side'), name='sampleverdict_once'),
        ),
        migrations.AddConstraint(
            model_name='sampleverdict',
            constraint=models.CheckConstraint(condition=models.Q(('side__in', ['marketing', 'sales'])), name='sampleverdict_side'),
        ),
        migrations.AddConstraint(
            model_name='sampleverdict',
            constraint=models.CheckConstraint(condition=models.Q(('word__in', ('good', 'bad', 'unsure'))), name='sampleverdict_word'),
        ),
        migrations.AddIndex(
            model_name='scorechange',
            index=models.Index(fields=['lead', 'at'], name='scorechange_lead'),
        ),
        migrations.AddConstraint(
            model_name='signoff',
            constraint=models.UniqueConstraint(fields=('version', 'user'), name='signoff_once'),
        ),
        migrations.AddConstraint(
            model_name='talkevent',
            constraint=models.UniqueConstraint(fields=('version', 'no'), name='talkevent_no_once'),
        ),
    ]
